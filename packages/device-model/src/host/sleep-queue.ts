interface Sleeper<T> {
  readonly due: number;
  readonly item: T;
}

/** What is to happen at some time, in the order of time, and of what was added first at the same time. */
export class SleepQueue<T> {
  /** The next at the end. */
  readonly #sleepers: Sleeper<T>[] = [];

  get size(): number {
    return this.#sleepers.length;
  }

  /** When the next is due; undefined if there is none. */
  get due(): number | undefined {
    return this.#sleepers.at(-1)?.due;
  }

  add(due: number, item: T): void {
    let low = 0;
    let high = this.#sleepers.length;
    // The first place whose sleeper is not after this one.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sleepers[middle]!.due > due) low = middle + 1;
      else high = middle;
    }
    this.#sleepers.splice(low, 0, { due, item });
  }

  /** Takes out all that is due, in order. */
  takeUntil(now: number): T[] {
    const taken: T[] = [];
    while ((this.due ?? Infinity) <= now) taken.push(this.#sleepers.pop()!.item);
    return taken;
  }

  clear(): void {
    this.#sleepers.length = 0;
  }
}
