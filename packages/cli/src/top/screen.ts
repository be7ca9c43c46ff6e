/** What a user presses. */
export type Key = (key: string) => void;

/** The part of `process.stdin` that a screen needs. */
export type KeyInput = Pick<
  NodeJS.ReadStream,
  "isTTY" | "setRawMode" | "on" | "off" | "pause" | "resume" | "isRaw"
>;

/** The part of `process.stdout` that a screen needs. */
export type ScreenOutput = Pick<NodeJS.WriteStream, "write" | "rows" | "on" | "off">;

/** What is told of by a screen. */
export interface ScreenEvents {
  /** A key, or several that came at once; Ctrl-C is `\x03`. */
  readonly onKey: Key;
  /** The terminal has another size: draw again. */
  readonly onResize: () => void;
  /** The terminal is gone. */
  readonly onLost: () => void;
}

// Control sequences of ECMA-48, and xterm's private modes, which every terminal of today knows.
const enter = "\x1b[?1049h\x1b[?25l\x1b[?7l"; // another screen, no cursor, long lines are cut
const leave = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const home = "\x1b[H";
const endOfLine = "\x1b[K\r\n";
const below = "\x1b[J";

/**
 * A terminal's whole screen, drawn over and over. What the terminal showed before comes back when it is closed, however the process
 * ends but for SIGKILL.
 */
export class Screen implements Disposable {
  readonly #input: KeyInput;
  readonly #output: ScreenOutput;
  readonly #events: ScreenEvents;
  readonly #wasRaw: boolean;
  readonly #onData = (bytes: Buffer): void => this.#events.onKey(bytes.toString("latin1"));
  readonly #onExit = (): void => this.close();
  #closed = false;

  constructor(input: KeyInput, output: ScreenOutput, events: ScreenEvents) {
    this.#input = input;
    this.#output = output;
    this.#events = events;
    this.#wasRaw = input.isRaw === true;
    process.once("exit", this.#onExit);
    output.on("error", events.onLost);
    output.on("resize", events.onResize);
    if (input.isTTY) {
      input.setRawMode(true);
      input.on("data", this.#onData);
      input.on("end", events.onLost);
      input.on("error", events.onLost);
      input.resume();
    }
    output.write(enter);
  }

  /** Shows lines from the top; those that the screen has no room for are left out. */
  draw(lines: readonly string[]): void {
    if (this.#closed) return;
    const shown = lines.slice(0, Math.max(1, (this.#output.rows ?? 24) - 1));
    this.#output.write(home + shown.map((line) => line + endOfLine).join("") + below);
  }

  /** Leaves the terminal as it was. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    process.removeListener("exit", this.#onExit);
    this.#output.write(leave);
    this.#output.off("resize", this.#events.onResize);
    if (!this.#input.isTTY) return;
    this.#input.off("data", this.#onData);
    this.#input.off("end", this.#events.onLost);
    try {
      this.#input.setRawMode(this.#wasRaw);
    } catch {
      // A terminal that was hung up has no mode.
    }
    this.#input.pause();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
