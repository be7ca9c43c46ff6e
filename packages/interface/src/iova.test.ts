import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPciError } from "./errors.ts";
import { iovaHi, iovaLo, MAX_IOVA, toIova } from "./iova.ts";

const codeOf = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return isPciError(error) ? error.code : error;
  }
};

describe("Iova", () => {
  it("splits into two halves that make it up again", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, MAX_IOVA), (address) => {
        expect((BigInt(iovaHi(address)) << 32n) | BigInt(iovaLo(address))).toBe(address);
      }),
    );
  });

  it("refuses what a 64-bit bus cannot carry", () => {
    expect(codeOf(() => toIova(-1n))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => toIova(MAX_IOVA + 1n))).toBe("ERR_OUT_OF_RANGE");
    expect(toIova(MAX_IOVA)).toBe(MAX_IOVA);
  });

  it("refuses numbers that have lost bits", () => {
    expect(codeOf(() => toIova(0.5))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => toIova(2 ** 60))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => toIova(Number.NaN))).toBe("ERR_INVALID_ARGUMENT");
    expect(toIova(4096)).toBe(4096n);
  });

  it.each([undefined, null, "0x10", "x", {}, [], Symbol("x"), true])("refuses %s", (value) => {
    expect(codeOf(() => toIova(value as never))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => iovaLo(value as never))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => iovaHi(value as never))).toBe("ERR_INVALID_ARGUMENT");
  });
});
