/** Numbers from a linear congruential generator, so that a failure comes back with its seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 to `below` - 1. */
  number(below: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * below);
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.number(n) === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.number(items.length)]!;
  }

  /** A byte, of which zeros, ones and single bits are as frequent as all others. */
  byte(): number {
    return this.pick([0, 0xff, this.number(256), 1 << this.number(8)]);
  }
}
