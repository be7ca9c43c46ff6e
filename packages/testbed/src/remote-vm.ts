import { connect as connectSocket, type Socket } from "node:net";
import type { DmaFault } from "./dma-fault.ts";
import { TestbedError, type TestbedErrorData } from "./error.ts";
import { FRAME, type Frame } from "./frame.ts";
import { Link } from "./link.ts";
import { Session, type VmProcess } from "./process.ts";
import { type Runner, run, spawnRequest } from "./run.ts";
import type { CallName, Greeting } from "./server.ts";
import type { Exchange, RunOptions, RunResult, SpawnOptions, Vm } from "./vm.ts";

/** Told of a command and what it gave. */
export type OnResult = (argv: readonly string[], result: RunResult) => void;

/**
 * Connects to a machine that another process serves. `close()` only ends the connection (and the commands started over it); the machine stays
 * for others. While nothing is under way the connection does not keep the process alive.
 * @param lane clients that name the same one share the machine; while they are connected, no other lane has it
 * @param onResult told of what each command run by `run()` gave
 * @throws TestbedError ERR_TESTBED_CLOSED when nobody serves that path; ERR_TESTBED_ARGUMENT for an unknown name; what `boot` throws when the
 * machine has to be booted for this client.
 */
export async function connect(
  socketPath: string,
  machine: string,
  lane = "",
  onResult: OnResult = () => undefined,
): Promise<Vm> {
  const socket = connectSocket(socketPath);
  return new Promise((resolve, reject) => {
    let vm: RemoteVm | undefined;
    const refuse = (error: Error) => {
      if (vm) return vm.fail(error);
      socket.destroy();
      reject(error);
    };
    const link = new Link(socket, socket, {
      onFrame: (frame) => {
        if (vm) vm.receive(frame);
        else if (frame.type === FRAME.ready) {
          vm = new RemoteVm(socket, link, JSON.parse(frame.payload.toString()) as Exchange, onResult);
          resolve(vm);
        } else if (frame.type === FRAME.failed) refuse(errorOf(frame));
      },
      onClose: (cause) => refuse(gone(socketPath, cause)),
    });
    void link.sendJson(FRAME.hello, 0, { machine, lane } satisfies Greeting);
  });
}

function errorOf(frame: Frame): TestbedError {
  return TestbedError.fromJSON(JSON.parse(frame.payload.toString()) as TestbedErrorData);
}

function gone(path: string, cause: Error | undefined): TestbedError {
  return new TestbedError("ERR_TESTBED_CLOSED", `the process that serves ${path} is gone`, { cause });
}

class RemoteVm implements Vm, Runner {
  readonly exchange: Exchange;
  readonly #socket: Socket;
  readonly #session: Session;
  readonly #onResult: OnResult;

  constructor(socket: Socket, link: Link, exchange: Exchange, onResult: OnResult) {
    this.#onResult = onResult;
    this.#socket = socket;
    this.#session = new Session(link);
    this.exchange = exchange;
    socket.unref();
  }

  spawn(argv: readonly string[], options: SpawnOptions = {}): VmProcess {
    const request = spawnRequest(argv, options);
    this.#socket.ref();
    return this.#session.spawn(request);
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const result = await run(this, argv, options);
    this.#onResult(argv, result);
    return result;
  }

  qmp(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.#call("qmp", command, args);
  }

  console(): Promise<string> {
    return this.#call("console") as Promise<string>;
  }

  kernelLog(): Promise<string> {
    return this.#call("kernelLog") as Promise<string>;
  }

  dmaFaults(): Promise<readonly DmaFault[]> {
    return this.#call("dmaFaults") as Promise<readonly DmaFault[]>;
  }

  async checkAlive(): Promise<void> {
    await this.#call("checkAlive");
  }

  async close(): Promise<void> {
    this.fail(new TestbedError("ERR_TESTBED_CLOSED", "the connection to the virtual machine was closed"));
    if (this.#socket.destroyed) return;
    // The other side answers when it has noted that the machine is free.
    const closed = new Promise((resolve) => this.#socket.once("close", resolve));
    this.#socket.ref();
    this.#socket.end();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  receive(frame: Frame): void {
    this.#session.receive(frame);
    if (this.#session.pending === 0) this.#socket.unref();
  }

  fail(error: Error): void {
    this.#session.fail(error);
  }

  #call(method: CallName, ...args: unknown[]): Promise<unknown> {
    this.#socket.ref();
    return this.#session.call(method, args);
  }
}
