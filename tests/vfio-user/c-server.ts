import { readFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";
import { cProgram } from "./c-programs.ts";
import { LineProcess } from "./line-process.ts";

/** What a client sent, as the server saw it. */
export interface SeenMessage {
  readonly command: number;
  readonly flags: number;
  readonly fds: number;
  /** Hexadecimal. */
  readonly body: string;
}

/** The server in C, with the device of `benchmarks/c/vfio-user/device.h`. */
export class CServer implements AsyncDisposable {
  readonly path: string;
  readonly #process: LineProcess;
  readonly #log: string;
  /** Lines of the log that {@link seen} has given. */
  #taken = 0;

  private constructor(path: string, options: readonly string[]) {
    this.path = path;
    this.#log = `${path}.log`;
    this.#process = new LineProcess(cProgram("vfio-user-server"), [path, "--log", this.#log, ...options]);
  }

  /**
   * @param path of a socket that is not there yet
   * @param options `--messages`: it maps no memory, and asks for all of it
   */
  static async start(path: string, ...options: readonly "--messages"[]): Promise<CServer> {
    const server = new CServer(path, options);
    const line = await server.#process.line();
    if (line !== "listening") throw new Error(`the server says ${line}`);
    return server;
  }

  get pid(): number {
    return this.#process.process.pid!;
  }

  /** The next message that it was sent, in order. */
  async seen(): Promise<SeenMessage> {
    let line = this.#line();
    for (; line === undefined; line = this.#line()) await later(1);
    const [command, flags, fds, body] = line.split(" ");
    return {
      command: Number(command),
      flags: Number.parseInt(flags!, 16),
      fds: Number(fds),
      body: body ?? "",
    };
  }

  #line(): string | undefined {
    // What is behind the last end of a line is no line yet.
    const lines = readFileSync(this.#log, "utf8").split("\n").slice(0, -1);
    if (this.#taken === lines.length) return undefined;
    return lines[this.#taken++];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
