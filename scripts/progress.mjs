// One line for each step that takes time, on standard error: standard output belongs to the command.

/** A step shorter than this is not worth a line, in milliseconds. */
const quiet = 700;

/**
 * Runs a piece of work and shows its title with the time it takes, unless it ends at once.
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const line = new Line(title);
  const show = setInterval(() => line.show(), quiet);
  try {
    const result = await work();
    line.end("");
    return result;
  } catch (error) {
    line.end("  failed");
    throw error;
  } finally {
    clearInterval(show);
  }
}

class Line {
  #title;
  #start = performance.now();
  #shown = false;

  /** @param {string} title */
  constructor(title) {
    this.#title = title;
  }

  show() {
    if (process.stderr.isTTY) process.stderr.write(`\r${this.#text()}`);
    else if (!this.#shown) process.stderr.write(this.#title);
    this.#shown = true;
  }

  /** @param {string} outcome */
  end(outcome) {
    if (outcome !== "") this.show();
    if (!this.#shown) return;
    process.stderr.write(
      process.stderr.isTTY ? `\r${this.#text()}${outcome}\n` : `  ${this.#elapsed()}${outcome}\n`,
    );
  }

  #text() {
    return `${this.#title}  ${this.#elapsed()}`;
  }

  #elapsed() {
    return `${((performance.now() - this.#start) / 1000).toFixed(1)} s`;
  }
}
