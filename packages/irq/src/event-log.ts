import type { VectorStats } from "./vector.ts";

/** How often a vector fired, and when last. */
export class EventLog {
  #count = 0;
  #deliveries = 0;
  #lastAt: number | undefined;
  #isUntimed = false;

  get stats(): VectorStats {
    this.stamp();
    return { count: this.#count, deliveries: this.#deliveries, lastAt: this.#lastAt };
  }

  /** Writes down one delivery of `count` events, but not yet its time. */
  add(count: number): void {
    this.#count += count;
    this.#deliveries++;
    this.#isUntimed = true;
  }

  /** Writes down the time: after the event is handed over, for the clock takes as long to read as that. */
  stamp(): void {
    if (!this.#isUntimed) return;
    this.#isUntimed = false;
    this.#lastAt = performance.now();
  }
}
