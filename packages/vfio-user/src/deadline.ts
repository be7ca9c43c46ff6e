/**
 * Calls back when a time is over, and not before the event loop has read what came in it: a thread that was held up calls its
 * timers before it reads its sockets.
 */
export class Deadline {
  readonly #timer: NodeJS.Timeout;
  #look: NodeJS.Immediate | undefined;

  /** @param ms milliseconds, at most 2^31 - 1 */
  constructor(ms: number, late: () => void) {
    this.#timer = setTimeout(() => {
      this.#look = setImmediate(late);
    }, ms);
  }

  /** Keeps the process alive no longer. */
  unref(): this {
    this.#timer.unref();
    return this;
  }

  /** It is not called back any more. Harmless twice. */
  cancel(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#look);
  }
}
