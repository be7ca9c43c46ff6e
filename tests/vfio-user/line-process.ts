import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";

/** A program that is spoken with in lines. */
export class LineProcess implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #input: Interface;
  readonly #ended: Promise<unknown>;

  constructor(file: string, args: readonly string[]) {
    this.process = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = once(this.process, "close");
    // What it does not take any more is told by the line that it does not answer.
    this.process.stdin!.on("error", () => undefined);
    this.#input = createInterface({ input: this.process.stdout! });
    this.#lines = this.#input[Symbol.asyncIterator]();
  }

  say(line: string): void {
    this.process.stdin!.write(`${line}\n`);
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.process.spawnargs.join(" ")} ended, with nothing more to say`);
    return value;
  }

  /** Ends it at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.#ended;
    this.#input.close();
  }
}
