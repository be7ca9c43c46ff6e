/** What a user ends a command with. */
export const stopSignals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The end of a command that goes on until it is told to stop, by a signal or by {@link Stop.now}. */
export class Stop implements Disposable {
  readonly #controller = new AbortController();
  readonly #reasonOf: ((signal: NodeJS.Signals) => Error) | undefined;
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    // The second one, whichever it is, ends the command by force.
    this.#forget();
    this.#by = signal;
    this.#controller.abort(this.#reasonOf?.(signal));
  };
  #by: NodeJS.Signals | null = null;

  /** @param reasonOf the error that what was stopped by a signal fails with, as the reason of {@link Stop.signal} */
  constructor(reasonOf?: (signal: NodeJS.Signals) => Error) {
    this.#reasonOf = reasonOf;
    for (const signal of stopSignals) process.on(signal, this.#onSignal);
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
    for (const signal of stopSignals) process.removeListener(signal, this.#onSignal);
  }
}
