/**
 * Asynchronous calls that have not ended, for a close that waits for them.
 *
 * ```ts
 * map(memory: DmaMemory): Promise<DmaMapping> {
 *   return this.#underWay.track(this.#map(memory));
 * }
 *
 * async close(): Promise<void> {
 *   this.#closed = true;
 *   await this.#underWay.idle();
 * }
 * ```
 */
export class UnderWay {
  readonly #calls = new Set<Promise<unknown>>();

  /** How many there are. */
  get size(): number {
    return this.#calls.size;
  }

  /** Counts a call until it ends, however it does. @returns `call` */
  track<R>(call: Promise<R>): Promise<R> {
    const settled: Promise<unknown> = call.then(
      () => this.#calls.delete(settled),
      () => this.#calls.delete(settled),
    );
    this.#calls.add(settled);
    return call;
  }

  /** Resolves when none is left, those included that begin meanwhile. */
  async idle(): Promise<void> {
    while (this.#calls.size > 0) await Promise.all(this.#calls);
  }
}
