import { type IovaRange, MAX_IOVA } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatRanges,
  intersectRanges,
  limitRanges,
  normaliseRanges,
  rangesContain,
  subtractRanges,
} from "./ranges.ts";

// A universe of 64 addresses at either end of the 64 bits: small enough to list, and it meets the edge.
const universe = Array.from({ length: 64 }, (_, i) => BigInt(i));
const base = fc.constantFrom(0n, MAX_IOVA - 63n);
const range = fc
  .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 0, max: 63 }))
  .map(([a, b]) => ({ start: BigInt(Math.min(a, b)), last: BigInt(Math.max(a, b)) }));
const ranges = fc.array(range, { maxLength: 6 });
const shift = (list: IovaRange[], by: bigint) =>
  list.map(({ start, last }) => ({ start: start + by, last: last + by }));
const members = (list: Iterable<IovaRange>, by: bigint) =>
  universe.filter((n) => [...list].some(({ start, last }) => start <= n + by && n + by <= last));

describe("sets of ranges", () => {
  it("joins what overlaps or touches, in order, and keeps every address", () => {
    fc.assert(
      fc.property(ranges, base, (list, by) => {
        const result = normaliseRanges(shift(list, by));
        expect(members(result, by)).toEqual(members(shift(list, by), by));
        for (let i = 1; i < result.length; i++) {
          expect(result[i]!.start).toBeGreaterThan(result[i - 1]!.last + 1n);
        }
      }),
    );
  });

  it("intersects and subtracts as sets of addresses do", () => {
    fc.assert(
      fc.property(ranges, ranges, base, (a, b, by) => {
        const [left, right] = [shift(a, by), shift(b, by)];
        const inRight = new Set(members(right, by));
        const inLeft = members(left, by);
        expect(members(intersectRanges(left, right), by)).toEqual(inLeft.filter((n) => inRight.has(n)));
        expect(members(subtractRanges(left, right), by)).toEqual(inLeft.filter((n) => !inRight.has(n)));
      }),
    );
  });

  it("limits ranges to what a device of some address width can drive", () => {
    const all = [{ start: 0n, last: MAX_IOVA }];
    expect(limitRanges(all, 28)).toEqual([{ start: 0n, last: 0xfff_ffffn }]);
    expect(limitRanges(all, 64)).toEqual(all);
    expect(limitRanges(all, 0)).toEqual([]);
    expect(limitRanges([{ start: 0x1_0000_0000n, last: MAX_IOVA }], 32)).toEqual([]);
  });

  it("finds a range only in one piece", () => {
    const list = [
      { start: 0n, last: 9n },
      { start: 20n, last: 29n },
    ];
    expect(rangesContain(list, 0n, 9n)).toBe(true);
    expect(rangesContain(list, 5n, 25n)).toBe(false);
    expect(rangesContain(list, 29n, 30n)).toBe(false);
  });

  it("refuses ranges that are none and prints those that are", () => {
    const refused = { code: "ERR_OUT_OF_RANGE" };
    expect(() => normaliseRanges([{ start: 2n, last: 1n }])).toThrow(expect.objectContaining(refused));
    expect(() => normaliseRanges([{ start: 0n, last: MAX_IOVA + 1n }])).toThrow(
      expect.objectContaining(refused),
    );
    for (const none of [undefined, null, 5, {}, () => []]) {
      expect(() => normaliseRanges(none as never)).toThrow(
        expect.objectContaining({
          code: "ERR_INVALID_ARGUMENT",
          message: expect.stringMatching(
            /^ranges must be an array .*, not (undefined|null|5|an object|a func)/,
          ),
          hint: expect.stringMatching(/start/),
        }),
      );
    }
    expect(formatRanges([])).toBe("none");
    expect(formatRanges([{ start: 0x1000n, last: 0x1fffn }])).toBe("0x1000-0x1fff");
  });
});
