/** What a user ends a command with. */
const signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The end of a command that goes on until it is told to stop, by a signal or by {@link Stop.now}. */
export class Stop implements Disposable {
  readonly #controller = new AbortController();
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    // The second one ends the command by force.
    this.#forget();
    this.#by = signal;
    this.now();
  };
  #by: NodeJS.Signals | null = null;

  constructor() {
    for (const signal of signals) process.on(signal, this.#onSignal);
  }

  /** Fires at the end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The signal that ended it, if one did. */
  get by(): NodeJS.Signals | null {
    return this.#by;
  }

  /** Ends it. Harmless twice. */
  now(): void {
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    this.#forget();
  }

  #forget(): void {
    for (const signal of signals) process.removeListener(signal, this.#onSignal);
  }
}
