// One line for each step that takes time, on standard error: standard output belongs to the command.

/** A step shorter than this is not worth a line, in milliseconds. */
const quiet = 700;

/** Without a terminal, a step that takes long says so this often, in milliseconds. */
const heartbeat = 20_000;

/**
 * Runs a piece of work and shows its title with the time it takes, unless it ends at once.
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const line = process.stderr.isTTY ? new TerminalLine(title) : new LogLine(title);
  const show = setInterval(() => line.show(), quiet);
  try {
    const result = await work();
    line.end("");
    return result;
  } catch (error) {
    line.show();
    line.end("  failed");
    throw error;
  } finally {
    clearInterval(show);
  }
}

class Stopwatch {
  #start = performance.now();

  /** Milliseconds since it was made. */
  get elapsed() {
    return performance.now() - this.#start;
  }

  toString() {
    return `${(this.elapsed / 1000).toFixed(1)} s`;
  }
}

/** A line that is written anew as time goes by. */
class TerminalLine {
  #title;
  #watch = new Stopwatch();
  #shown = false;

  /** @param {string} title */
  constructor(title) {
    this.#title = title;
  }

  show() {
    this.#shown = true;
    process.stderr.write(`\r${this.#title}  ${this.#watch}`);
  }

  /** @param {string} outcome */
  end(outcome) {
    if (this.#shown) process.stderr.write(`\r${this.#title}  ${this.#watch}${outcome}\n`);
  }
}

/** A line that only grows: a time is added now and then. */
class LogLine {
  #title;
  #watch = new Stopwatch();
  #next = 0;

  /** @param {string} title */
  constructor(title) {
    this.#title = title;
  }

  show() {
    if (this.#watch.elapsed < this.#next) return;
    process.stderr.write(this.#next === 0 ? this.#title : `  ${this.#watch}`);
    this.#next += heartbeat;
  }

  /** @param {string} outcome */
  end(outcome) {
    if (this.#next > 0) process.stderr.write(`  ${this.#watch}${outcome}\n`);
  }
}
