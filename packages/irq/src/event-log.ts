import type { LatencyStats, VectorStats } from "./vector.ts";

/** Events count for a third of themselves in the rate after so many milliseconds. */
const FADING_MS = 1000;

/** How often a vector fired, how fast, and when last. */
export class EventLog {
  #count = 0;
  #deliveries = 0;
  #largest = 0;
  #lastAt: number | undefined;
  /** Events a millisecond, at `#lastAt`. */
  #rate = 0;
  /** A delivery of which nothing is written down yet. */
  #hasty = 0;
  /** Events whose time is not written down yet. */
  #untimed = 0;
  #triggeredAt: number | undefined;
  #latency: LatencyStats | undefined;

  get stats(): VectorStats {
    this.stamp();
    return {
      count: this.#count,
      deliveries: this.#deliveries,
      coalescing: this.#deliveries === 0 ? 0 : this.#count / this.#deliveries,
      largest: this.#largest,
      rate: this.#rateAt(performance.now()) * 1000,
      lastAt: this.#lastAt,
      latency: this.#latency,
    };
  }

  /** Whether the next delivery is measured from its trigger, and has to be written down at once. */
  get measures(): boolean {
    return this.#triggeredAt !== undefined;
  }

  /** Takes note of one delivery, which the next call writes down. */
  addLater(count: number): void {
    this.#hasty = count;
  }

  /** Writes down one delivery of `count` events, but not yet its time. */
  add(count: number): void {
    this.#count += count;
    this.#deliveries++;
    this.#untimed += count;
    if (count > this.#largest) this.#largest = count;
    if (this.#triggeredAt !== undefined) this.#arrived(performance.now() - this.#triggeredAt);
  }

  /** Writes down one delivery and its time. @returns `count`; nothing is delivered if that is 0 */
  handOver(count: number): number {
    if (count > 0) this.add(count);
    this.stamp();
    return count;
  }

  /** Writes down the time: after the event is handed over, for the clock takes as long to read as that. */
  stamp(): void {
    this.#settle();
    if (this.#untimed === 0) return;
    const now = performance.now();
    this.#rate = this.#rateAt(now) + this.#untimed / FADING_MS;
    this.#untimed = 0;
    this.#lastAt = now;
  }

  /** Measures how long an event takes that was caused at `began`; ends with the next. */
  triggered(began: number): void {
    this.#settle();
    this.#triggeredAt ??= began;
  }

  /** Gives up a measurement whose event goes elsewhere. */
  untriggered(): void {
    this.#triggeredAt = undefined;
  }

  #settle(): void {
    const count = this.#hasty;
    if (count === 0) return;
    this.#hasty = 0;
    this.add(count);
  }

  #rateAt(now: number): number {
    if (this.#lastAt === undefined) return 0;
    return this.#rate * Math.exp((this.#lastAt - now) / FADING_MS);
  }

  #arrived(took: number): void {
    this.#triggeredAt = undefined;
    const { count, min, max, mean } = this.#latency ?? { count: 0, min: took, max: took, mean: 0 };
    this.#latency = {
      count: count + 1,
      last: took,
      min: Math.min(min, took),
      max: Math.max(max, took),
      mean: mean + (took - mean) / (count + 1),
    };
  }
}
