import type { RunResult } from "@userpci/testbed";
import { inSources } from "./guest-code.ts";
import { type GuestEvent, type GuestFailure, MARK } from "./protocol.ts";

interface Waiting {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function makeWaiting(): Waiting {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** One process in the guest that runs a suite: turns what it prints into a result for each test. */
export class GuestRun {
  readonly #tests = new Map<string, Waiting>();
  readonly #decoder = new TextDecoder();
  readonly #process: Promise<void>;
  readonly #report: () => Promise<string>;
  #partial = "";
  #output: string[] = [];
  #failure: Error | undefined;

  /**
   * @param command ends when the process does
   * @param report what the guest's console and kernel log have to say
   */
  constructor(command: Promise<RunResult>, report: () => Promise<string>) {
    this.#report = report;
    this.#process = command.then(
      ({ code, signal }) => this.#end(code === 0 ? undefined : `ended with ${signal ?? `status ${code}`}`),
      (error: unknown) => this.#end(String(error)),
    );
  }

  /** Resolves when the test passed. @throws Error as the guest's, with what the test printed */
  result(name: string): Promise<void> {
    return this.#waiting(name).promise;
  }

  /** Resolves when the process has ended. @throws Error if it failed beside its tests, by leaving something open for one */
  async ended(): Promise<void> {
    await this.#process;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Takes output of the process. */
  receive(chunk: Uint8Array): void {
    const lines = (this.#partial + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#partial = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith(MARK)) this.#event(JSON.parse(line.slice(1)) as GuestEvent);
      else if (line !== "") this.#output.push(line);
    }
  }

  #event(event: GuestEvent): void {
    if (event.event === "begin") this.#output = [];
    else if (event.event === "progress") process.stderr.write(`${event.text}\n`);
    else if (event.event === "pass") this.#waiting(event.name).resolve();
    else this.#waiting(event.name).reject(this.#error(event.error));
  }

  #waiting(name: string): Waiting {
    const known = this.#tests.get(name);
    if (known !== undefined) return known;
    const waiting = makeWaiting();
    if (this.#failure !== undefined) waiting.reject(this.#failure);
    this.#tests.set(name, waiting);
    return waiting;
  }

  #error({ message, stack, code }: GuestFailure): Error {
    const printed = this.#output.length > 0 ? `\n--- printed by the test\n${this.#output.join("\n")}` : "";
    const error = new Error(`${code === undefined ? "" : `${code}: `}${message}${printed}`);
    if (stack !== undefined) error.stack = inSources(stack);
    return error;
  }

  async #end(why: string | undefined): Promise<void> {
    if (why === undefined) {
      for (const [name, waiting] of this.#tests) waiting.reject(new Error(`the guest never ran "${name}"`));
      return;
    }
    const printed = this.#output.join("\n");
    const report = await this.#report().catch((error: unknown) => `no report: ${String(error)}`);
    this.#failure = new Error(`the guest's test process ${why}\n--- its output\n${printed}\n${report}`);
    for (const waiting of this.#tests.values()) waiting.reject(this.#failure);
  }
}
