import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FreeBits } from "./free-bits.ts";

function wordsFor(count: number): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer(4 * FreeBits.wordsFor(count)));
  FreeBits.fill(words, count);
  return words;
}
function made(count: number, shared = false): FreeBits {
  return new FreeBits(wordsFor(count), count, shared);
}

/** What is taken, and the most that was. */
class Model {
  readonly taken = new Set<number>();
  readonly #count: number;
  most = 0;

  constructor(count: number) {
    this.#count = count;
  }

  took(index: number): void {
    if (index === -1) {
      expect(this.taken.size).toBe(this.#count);
      return;
    }
    expect(this.taken.has(index) || index >= this.#count).toBe(false);
    this.taken.add(index);
    this.most = Math.max(this.most, this.taken.size);
  }
}

describe("free bits", () => {
  it("give each index once, and then none, for any count", () => {
    for (const count of [1, 2, 31, 32, 33, 64, 65, 1000]) {
      const bits = made(count);
      const taken = new Set(Array.from({ length: count }, () => bits.take()));
      expect([...taken].sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
      expect([bits.take(), bits.inUse, bits.highWater]).toEqual([-1, count, count]);
    }
  });

  it("do what a set of free indexes does, whatever is taken and given back, twice or not", () => {
    const counts = fc.integer({ min: 1, max: 100 });
    const step = fc.oneof(fc.constant("take" as const), fc.nat(99));
    fc.assert(
      fc.property(counts, fc.boolean(), fc.array(step, { maxLength: 400 }), (count, shared, steps) => {
        const bits = made(count, shared);
        const model = new Model(count);
        for (const each of steps) {
          if (each === "take") model.took(bits.take());
          else if (each < count) expect(bits.give(each)).toBe(model.taken.delete(each));
          expect([bits.inUse, bits.highWater]).toEqual([model.taken.size, model.most]);
        }
      }),
    );
  });

  it("are the same bits for all that are made over them", () => {
    const words = wordsFor(40);
    const [one, other] = [0, 1].map(() => new FreeBits(words, 40, true)) as [FreeBits, FreeBits];
    const all = Array.from({ length: 40 }, (_, i) => (i % 2 ? one : other).take());
    expect(new Set(all).size).toBe(40);
    expect([one.take(), other.take()]).toEqual([-1, -1]);
    expect([one.give(7), other.give(7), other.take()]).toEqual([true, false, 7]);
  });
});
