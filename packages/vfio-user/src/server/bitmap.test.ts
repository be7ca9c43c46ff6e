import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coarser, pagesIn } from "./bitmap.ts";

describe("pagesIn", () => {
  it("counts pages, and bytes in whole words", () => {
    expect(pagesIn(0x1000n, 0x1000n, 4096n)).toEqual({ pages: 1, length: 8 });
    expect(pagesIn(0n, 65n * 4096n, 4096n)).toEqual({ pages: 65, length: 16 });
    expect(pagesIn((1n << 64n) - (1n << 21n), 1n << 21n, 1n << 21n)).toEqual({ pages: 1, length: 8 });
  });

  it.each([
    ["pages of no power of two", 0n, 12288n, 12288n, "EINVAL"],
    ["pages below 4 KiB", 0n, 4096n, 2048n, "EINVAL"],
    ["no pages", 0n, 0n, 4096n, "EINVAL"],
    ["a part of a page", 4096n, 4096n, 8192n, "EINVAL"],
    ["an end past 2^64", (1n << 64n) - 4096n, 8192n, 4096n, "EINVAL"],
    ["more than takes no time", 0n, 1n << 36n, 1n << 30n, "E2BIG"],
  ])("refuses %s", (_what, start, size, pageSize, code) => {
    expect(() => pagesIn(start, size, pageSize)).toThrow(expect.objectContaining({ code }));
  });
});

describe("coarser", () => {
  it("sets the bit of a large page if one of its units is set", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.constantFrom(1, 2, 8, 64),
        (bits, factor) => {
          const pages = Math.ceil((bits.length * 8) / factor);
          const coarse = coarser(bits, 4096 * factor, pages);
          for (let page = 0; page < pages; page++) {
            let any = 0;
            for (let unit = page * factor; unit < (page + 1) * factor; unit++) {
              any |= ((bits[unit >> 3] ?? 0) >> (unit & 7)) & 1;
            }
            expect((coarse[page >> 3]! >> (page & 7)) & 1).toBe(any);
          }
        },
      ),
    );
  });
});
