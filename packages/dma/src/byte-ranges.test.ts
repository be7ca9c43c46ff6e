import fc from "fast-check";
import { expect, it } from "vitest";
import { rangesOf } from "./byte-ranges.ts";

const K = 4096;

it("names runs of pages once, and only what of them is in the window", () => {
  expect(rangesOf(Uint8Array.of(0b1101_0111), K, { start: 100, size: 8 * K - 200 })).toEqual([
    { offset: 0, size: 3 * K - 100 },
    { offset: 4 * K - 100, size: K },
    { offset: 6 * K - 100, size: 2 * K - 100 },
  ]);
  expect(rangesOf(new Uint8Array(1), K, { start: 0, size: 8 * K })).toEqual([]);
});

it("has every byte of a page whose bit is set and no other, in order and apart", () => {
  const window = fc.record({ start: fc.nat(3 * 64), size: fc.integer({ min: 1, max: 8 * 64 }) });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 2 }), window, (bits, { start, size }) => {
      const ranges = rangesOf(bits, 64, { start, size });
      const covered = new Set<number>();
      let end = -1;
      for (const { offset, size: length } of ranges) {
        expect(offset > end && length > 0).toBe(true);
        end = offset + length;
        for (let at = offset; at < end; at++) covered.add(at);
      }
      for (let at = 0; at < size; at++) {
        const page = Math.floor((start + at) / 64);
        expect(covered.has(at)).toBe((((bits[page >> 3] ?? 0) >> (page & 7)) & 1) === 1);
      }
    }),
  );
});
