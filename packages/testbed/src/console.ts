/** How much of a console is kept. */
const KEPT_CHARACTERS = 1024 * 1024;

/**
 * Lines after which the guest is lost. An oops panics at once here; other complaints of a kernel (a soft lockup on a loaded host, for one) are not
 * the end.
 */
const FATAL =
  /Kernel panic - not syncing: [^\r\n]*|testbed: (boot failed: |the agent ended with status )[^\r\n]*/;

/** What the guest's serial console printed, with the news whether the guest is lost. */
export class ConsoleLog {
  #text = "";
  #fatal: string | undefined;

  /** Adds output. Returns the line that says that the guest is lost, once, when it is complete. */
  append(text: string): string | undefined {
    // Match again from the start of the last incomplete line: a chunk may end in the middle of one.
    const from = this.#text.lastIndexOf("\n") + 1;
    this.#text += text;
    const news = this.#fatal === undefined ? findFatal(this.#text.slice(from)) : undefined;
    this.#fatal ??= news;
    if (this.#text.length > KEPT_CHARACTERS) this.#text = this.#text.slice(-KEPT_CHARACTERS / 2);
    return news;
  }

  /** The line that said that the guest is lost. */
  get fatal(): string | undefined {
    return this.#fatal;
  }

  /** Everything kept, with plain newlines and without terminal control sequences. */
  get text(): string {
    return plain(this.#text);
  }

  /** The last lines. */
  tail(lines = 60): string {
    return lastLines(this.text, lines);
  }
}

/** The first complete line after which the guest is lost, without its time stamp. */
export function findFatal(text: string): string | undefined {
  return FATAL.exec(text.slice(0, text.lastIndexOf("\n") + 1))?.[0];
}

/** The last `count` lines of a text. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: firmware clears the screen with escape sequences
  return text.replace(/\x1b(\[[0-9;?=]*[A-Za-z]|c)/g, "").replaceAll("\r", "");
}
