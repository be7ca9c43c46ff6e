import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { programPath } from "./programs.ts";

/**
 * A running C program of `c/`: does rounds on demand. A round is asked for by one byte on its standard input, and its
 * figure is a line on its standard output.
 */
export class Counterpart implements AsyncDisposable {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #input: Interface;

  /**
   * @param argv name of the program and its arguments
   * @param fds descriptors that it gets as 3, 4, …
   */
  constructor(argv: readonly string[], fds: readonly number[] = []) {
    const [program, ...args] = argv;
    this.#name = argv.join(" ");
    this.#process = spawn(programPath(program!), args, { stdio: ["pipe", "pipe", "inherit", ...fds] });
    this.#input = createInterface({ input: this.#process.stdout! });
    this.#lines = this.#input[Symbol.asyncIterator]();
  }

  /** Asks for one round. @returns its figure, in nanoseconds */
  async round(): Promise<number> {
    this.#process.stdin!.write("r");
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the program "${this.#name}" ended in the middle of a round`);
    return Number(value);
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    const ended = exitCode !== null || signalCode !== null;
    const closed = ended || new Promise((resolve) => this.#process.once("close", resolve));
    this.#process.stdin!.end();
    await closed;
    this.#input.close();
  }
}
