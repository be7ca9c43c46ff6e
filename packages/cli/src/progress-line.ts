import { shorten } from "./style.ts";
import type { Terminal } from "./terminal.ts";

const TICK_MS = 200;

/** How long something may go on before a person wonders what it is, in milliseconds. */
export const NOTICEABLE_MS = 1000;

/** What a program is busy with, on standard error: one line that is written over, or a line each where that cannot be. */
export class ProgressLine implements Disposable {
  readonly #terminal: Terminal;
  #text = "";
  #since = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /**
   * Says what is done now.
   *
   * @param elapsedMs how long that has been going on. Default: it begins
   */
  update(text: string, elapsedMs = 0): void {
    this.#text = text;
    this.#since = performance.now() - elapsedMs;
    if (!this.#terminal.interactive) {
      this.#terminal.note(`${text}${this.#waited()}\n`);
      return;
    }
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), TICK_MS).unref();
  }

  /** {@link update} once a second, for a loop that no timer gets in between. */
  tick(text: () => string): void {
    if (performance.now() - this.#since >= NOTICEABLE_MS) this.update(text());
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
    const waited = this.#waited();
    const { noteColumns = 80, noteStyle } = this.#terminal;
    // A line that wraps could not be written over.
    const text = shorten(`  … ${this.#text}`, noteColumns - waited.length - 1);
    this.#terminal.note(`\r\x1b[2K${noteStyle.dim(text + waited)}`);
  }

  #waited(): string {
    const seconds = Math.floor((performance.now() - this.#since) / 1000);
    return seconds > 0 ? `  ${seconds} s` : "";
  }
}
