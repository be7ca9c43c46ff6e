import { shorten } from "./style.ts";
import type { Terminal } from "./terminal.ts";

const TICK_MS = 200;

/** What a program is busy with, on standard error: one line that is written over, or a line each where that cannot be. */
export class ProgressLine implements Disposable {
  readonly #terminal: Terminal;
  #text = "";
  #since = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Says what is done now. */
  update(text: string): void {
    this.#text = text;
    this.#since = performance.now();
    if (!this.#terminal.interactive) {
      this.#terminal.note(`${text}\n`);
      return;
    }
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), TICK_MS).unref();
  }

  /** Takes the line away. */
  clear(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#terminal.interactive && this.#text !== "") this.#terminal.note("\r\x1b[2K");
    this.#text = "";
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #draw(): void {
    const seconds = Math.floor((performance.now() - this.#since) / 1000);
    const waited = seconds > 0 ? `  ${seconds} s` : "";
    const { noteColumns = 80, noteStyle } = this.#terminal;
    // A line that wraps could not be written over.
    const text = shorten(`  … ${this.#text}`, noteColumns - waited.length - 1);
    this.#terminal.note(`\r\x1b[2K${noteStyle.dim(text + waited)}`);
  }
}
