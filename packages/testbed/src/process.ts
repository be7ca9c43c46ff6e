import { Readable, Writable } from "node:stream";
import type { ExitStatus, SpawnRequest } from "./command.ts";
import { TestbedError, type TestbedErrorData } from "./error.ts";
import { FRAME, type Frame } from "./frame.ts";
import { fromJson, toJson } from "./json.ts";
import type { Link } from "./link.ts";

/** Most bytes of standard input in one frame. */
const STDIN_PIECE = 256 * 1024;

/** A command that runs in the guest. */
export interface VmProcess {
  /** Its standard input; at its end from the start unless `stdin: true` was asked for. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * Settles when the command has ended and its output has arrived. Rejects with ERR_TESTBED_SPAWN when it could not start, or with what happened to
   * the virtual machine.
   */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal to the command and everything it started. Default SIGTERM. */
  kill(signal?: NodeJS.Signals): void;
}

/** Commands and calls over one link, by id; the side that asks. */
export class Session {
  readonly #link: Link;
  readonly #processes = new Map<number, RemoteProcess>();
  readonly #calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #nextId = 1;
  #failure: Error | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  /** How many commands and calls are under way. */
  get pending(): number {
    return this.#processes.size + this.#calls.size;
  }

  /** Starts a command. A refusal arrives through `exited`. */
  spawn(request: SpawnRequest): VmProcess {
    const id = this.#nextId++;
    const process = new RemoteProcess(this.#link, id);
    if (this.#failure) {
      process.fail(this.#failure);
      return process;
    }
    this.#processes.set(id, process);
    void this.#link.sendJson(FRAME.spawn, id, request);
    if (!request.stdin) process.stdin.end();
    return process;
  }

  /** Asks for a pong. Resolves when it comes. */
  ping(): Promise<void> {
    return this.#request((id) => this.#link.send(FRAME.ping, id)) as Promise<void>;
  }

  /** Calls a method of the other side. */
  call(method: string, args: readonly unknown[]): Promise<unknown> {
    return this.#request((id) => this.#link.send(FRAME.call, id, toJson({ method, args })));
  }

  /** Takes a frame that belongs to a command or a call. */
  receive({ type, id, payload }: Frame): void {
    if (type === FRAME.stdout) this.#processes.get(id)?.stdout.push(payload);
    else if (type === FRAME.stderr) this.#processes.get(id)?.stderr.push(payload);
    else if (type === FRAME.exit) this.#take(id)?.end(JSON.parse(payload.toString()) as ExitStatus);
    else if (type === FRAME.pong) this.#takeCall(id)?.resolve(undefined);
    else if (type === FRAME.result) this.#takeCall(id)?.resolve(fromJson(payload.toString()));
    else if (type === FRAME.failed) this.#receiveFailure(id, payload);
  }

  /** Rejects everything under way and everything asked for later. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const process of this.#processes.values()) process.fail(error);
    for (const call of this.#calls.values()) call.reject(error);
    this.#processes.clear();
    this.#calls.clear();
  }

  #receiveFailure(id: number, payload: Buffer): void {
    const error = TestbedError.fromJSON(JSON.parse(payload.toString()) as TestbedErrorData);
    this.#take(id)?.fail(error);
    this.#takeCall(id)?.reject(error);
  }

  #request(send: (id: number) => Promise<void>): Promise<unknown> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      void send(id);
    });
  }

  #take(id: number): RemoteProcess | undefined {
    const process = this.#processes.get(id);
    this.#processes.delete(id);
    return process;
  }

  #takeCall(id: number) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }
}

/** Input of any size in frames that the other side accepts and other commands can pass between. */
async function sendInPieces(link: Link, id: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += STDIN_PIECE) {
    await link.send(FRAME.stdin, id, bytes.subarray(at, at + STDIN_PIECE));
  }
}

class RemoteProcess implements VmProcess {
  readonly stdin: Writable;
  readonly stdout: Readable = new Readable({ read() {} });
  readonly stderr: Readable = new Readable({ read() {} });
  readonly exited: Promise<ExitStatus>;
  readonly #link: Link;
  readonly #id: number;
  #resolve!: (status: ExitStatus) => void;
  #reject!: (error: Error) => void;

  constructor(link: Link, id: number) {
    this.#link = link;
    this.#id = id;
    this.stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => void sendInPieces(link, id, chunk).then(() => done()),
      final: (done) => void link.send(FRAME.stdinEnd, id).then(() => done()),
    });
    this.exited = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever only reads the streams must not be ended by an unhandled rejection.
    this.exited.catch(() => {});
  }

  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    void this.#link.send(FRAME.kill, this.#id, signal);
  }

  end(status: ExitStatus): void {
    this.#finishStreams();
    this.#resolve(status);
  }

  fail(error: Error): void {
    this.#finishStreams();
    this.#reject(error);
  }

  #finishStreams(): void {
    this.stdout.push(null);
    this.stderr.push(null);
    this.stdin.destroy();
  }
}
