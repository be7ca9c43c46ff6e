import fc from "fast-check";
import { expect, it } from "vitest";
import { coveringPages, pagesInside } from "./page-span.ts";

const pageSizes = [4096, 16384, 65536, 2 ** 21];
const ranges = [
  fc.nat(2 ** 47),
  fc.integer({ min: 1, max: 2 ** 24 }),
  fc.constantFrom(...pageSizes),
] as const;

it("covering pages hold all of a range, and none of them could be left out", () => {
  fc.assert(
    fc.property(...ranges, (address, length, pageSize) => {
      const { start, size } = coveringPages(address, length, pageSize);
      expect([start % pageSize, size % pageSize]).toEqual([0, 0]);
      expect(start <= address && address + length <= start + size).toBe(true);
      expect(address - start < pageSize && start + size - (address + length) < pageSize).toBe(true);
    }),
  );
});

it("pages inside a range have nothing else in them, and no further page would", () => {
  fc.assert(
    fc.property(...ranges, (address, length, pageSize) => {
      const { start, size } = pagesInside(address, length, pageSize);
      expect([start % pageSize, size % pageSize]).toEqual([0, 0]);
      if (size > 0) expect(start >= address && start + size <= address + length).toBe(true);
      expect(start - pageSize < address && start + size + pageSize > address + length).toBe(true);
    }),
  );
});

it("the two are the same where a range is whole pages, and only there", () => {
  fc.assert(
    fc.property(...ranges, (address, length, pageSize) => {
      const whole = address % pageSize === 0 && length % pageSize === 0;
      const covering = coveringPages(address, length, pageSize);
      expect(covering.size === pagesInside(address, length, pageSize).size).toBe(whole);
    }),
  );
  expect(coveringPages(8192, 0, 4096).size).toBe(0);
});
