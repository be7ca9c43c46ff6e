/** Counts the calls on other threads that use something, so that it is given up only when the last of them has ended. */
export class Users {
  #count = 0;
  #idle: (() => void) | undefined;

  /** Whether no call uses it now. */
  get none(): boolean {
    return this.#count === 0;
  }

  /** Counts one user until `work` has settled. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#count += 1;
    try {
      return await work();
    } finally {
      this.#count -= 1;
      if (this.#count === 0) this.#whenIdle();
    }
  }

  /**
   * Calls `act` when nothing uses it: at once, or when the last call under way ends. To be called once. Its error
   * is this call's at once; later it is a warning, since whoever closed has gone on and the calls under way have not failed.
   */
  whenNone(act: () => void): void {
    if (this.#count === 0) {
      act();
      return;
    }
    this.#idle = () => {
      try {
        act();
      } catch (error) {
        process.emitWarning(`what calls still used could not be given up: ${String(error)}`, {
          code: "USERPCI_CLOSE",
          detail: "It was closed while they were under way: await them first to get the error from close().",
        });
      }
    };
  }

  /** Once: what is given up may be somebody else's when a later call ends. */
  #whenIdle(): void {
    const idle = this.#idle;
    this.#idle = undefined;
    idle?.();
  }
}
