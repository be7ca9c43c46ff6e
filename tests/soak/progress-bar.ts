/** Columns of the bar itself. */
const WIDTH = 30;
/** Where lines cannot be written over, there is one for each of so many parts. */
const PARTS = 10;

/** How far a long run is: one line that is written over on a terminal, a few lines elsewhere. On standard error. */
export class ProgressBar implements Disposable {
  readonly #what: string;
  readonly #total: number;
  readonly #began = performance.now();
  #part = 0;

  constructor(what: string, total: number) {
    this.#what = what;
    this.#total = total;
  }

  update(done: number): void {
    const share = done / this.#total;
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[2K${this.#text(done, share)}`);
    } else if (Math.floor(share * PARTS) > this.#part) {
      this.#part = Math.floor(share * PARTS);
      process.stderr.write(`${this.#text(done, share)}\n`);
    }
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
  }

  #text(done: number, share: number): string {
    const full = Math.round(share * WIDTH);
    const seconds = (performance.now() - this.#began) / 1000;
    const left = done === 0 ? "" : `, ${Math.ceil((seconds * (1 - share)) / share)} s left`;
    const bar = `${"=".repeat(full)}${" ".repeat(WIDTH - full)}`;
    return `${this.#what} [${bar}] ${Math.floor(share * 100)} %, ${done.toLocaleString("en")} of ${this.#total.toLocaleString("en")}${left}`;
  }
}
