import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { programPath, programs } from "./programs.ts";

/**
 * A running program that does rounds on demand, of `c/` as a rule. A round is asked for by one byte on its standard input, and
 * its figure is a line on its standard output.
 */
export class Counterpart implements AsyncDisposable {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #input: Interface;

  /**
   * @param argv name of the program in `c/`, or a path, and its arguments
   * @param fds descriptors that it gets as 3, 4, …
   */
  constructor(argv: readonly string[], fds: readonly number[] = []) {
    const [program, ...args] = argv;
    this.#name = argv.join(" ");
    const file = programs.includes(program!) ? programPath(program!) : program!;
    this.#process = spawn(file, args, { stdio: ["pipe", "pipe", "inherit", ...fds] });
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

/**
 * The second round of a program of its own: the first finds nothing in the caches.
 *
 * @param argv as of a {@link Counterpart}
 * @returns its figure, in nanoseconds
 */
export async function roundAfresh(argv: readonly string[]): Promise<number> {
  await using counterpart = new Counterpart(argv);
  await counterpart.round();
  return await counterpart.round();
}
