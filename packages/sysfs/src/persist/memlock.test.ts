import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkMemlock, memlockKib, memlockRank, memlockText, parseMemlock } from "./memlock.ts";

const kib = fc.integer({ min: 64, max: 64 * 2 ** 30 });

describe("a limit of pinned memory", () => {
  it.each([
    ["64K", 65_536, "64 KiB", "64"],
    ["512M", 2 ** 29, "512 MiB", "524288"],
    ["8GiB", 2 ** 33, "8 GiB", "8388608"],
    ["1048576", 2 ** 20, "1 MiB", "1024"],
    ["64T", 2 ** 46, "64 TiB", "68719476736"],
    ["unlimited", "unlimited", "unlimited", "unlimited"],
  ])("%s", (text, limit, words, kibs) => {
    expect(parseMemlock(text)).toBe(limit);
    expect(memlockText(parseMemlock(text))).toBe(words);
    expect(memlockKib(parseMemlock(text))).toBe(kibs);
  });

  it.each(["", "8 G", "-1", "1e9", "8g", "infinity", "0x10000", "9".repeat(16)])("%j is none", (text) => {
    expect(() => parseMemlock(text)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }));
  });

  it.each(["63K", "65T", "65537", "0", "999999999999999"])("%s cannot be set", (text) => {
    expect(() => parseMemlock(text)).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }));
  });

  it("that is larger has a file behind those of smaller ones, by the order of their names", () => {
    fc.assert(
      fc.property(kib, kib, (a, b) => {
        const [rankA, rankB] = [a, b].map((size) => memlockRank(size * 1024)) as [string, string];
        expect(Math.sign(Buffer.compare(Buffer.from(rankA), Buffer.from(rankB)))).toBe(Math.sign(a - b));
        expect(rankA < memlockRank("unlimited")).toBe(true);
      }),
    );
  });

  it("reads as it was written", () => {
    fc.assert(
      fc.property(kib, (size) => {
        expect(parseMemlock(`${size}K`)).toBe(checkMemlock(size * 1024));
      }),
    );
  });
});
