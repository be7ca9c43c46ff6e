import { describe, expect, it } from "vitest";
import { decodeBars } from "./bars.ts";
import { bytesRegion } from "./bytes.ts";
import { configOf } from "./config.ts";
import { msixLayout, vectorCounts } from "./interrupts.ts";
import { codeOf, list, space } from "./testing/regions.ts";

const configWith = (bars: readonly number[], ...parts: Parameters<typeof space>[1][]) => {
  const bytes = space(256, ...parts);
  new Uint32Array(bytes.buffer).set(bars, 4);
  return configOf(bytesRegion(bytes));
};

describe("decodeBars", () => {
  it("tells memory of 32 and 64 bits, prefetchable or not, and I/O", () => {
    expect(decodeBars(configWith([0xfe000000, 0xe001, 0x4000000c, 0x2, 0xfd000008]))).toEqual([
      { index: 0, kind: "memory32", prefetchable: false, address: 0xfe000000n },
      { index: 1, kind: "io", prefetchable: false, address: 0xe000n },
      { index: 2, kind: "memory64", prefetchable: true, address: 0x2_4000_0000n },
      { index: 4, kind: "memory32", prefetchable: true, address: 0xfd000000n },
    ]);
  });

  it("takes presence and size from the sizes where they are given", () => {
    expect(decodeBars(configWith([0, 0xe001, 0x4]), [0x1000, 0, 0x4000])).toEqual([
      { index: 0, kind: "memory32", prefetchable: false, address: 0n, size: 0x1000 },
      { index: 2, kind: "memory64", prefetchable: false, address: 0n, size: 0x4000 },
    ]);
    expect(codeOf(() => decodeBars(configWith([0]), [-1]))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => decodeBars(configWith([0]), [Number.NaN]))).toBe("ERR_INVALID_ARGUMENT");
  });

  it("reads two BARs of a bridge and none of an unknown header", () => {
    expect(
      decodeBars(configWith([0xfe000000, 0xfd000000, 0x20100], [0x0e, 1])).map(({ index }) => index),
    ).toEqual([0, 1]);
    expect(decodeBars(configWith([0xfe000000], [0x0e, 0x7f]))).toEqual([]);
  });

  it("reports reserved types, and a 64-bit BAR without an upper half", () => {
    const codes = (bars: number[]) => configWith(bars).problems.map(({ code }) => code);
    expect(codes([0xfe000006])).toEqual(["bar-type"]);
    expect(codes([0, 0, 0, 0, 0, 0xfe000004])).toEqual(["bar-pair"]);
    expect(decodeBars(configWith([0, 0, 0, 0, 0, 0xfe000004]))).toMatchObject([
      { index: 5, address: 0xfe000000n },
    ]);
  });
});

describe("interrupts", () => {
  it("locates the MSI-X table and the pending bits", () => {
    const config = configWith(
      [],
      ...list(0x40),
      [0x40, 0x11, 0, 0x40, 0, 0x03, 0x20, 0, 0, 0x03, 0x30, 0, 0],
    );
    expect(msixLayout(config.find("msix")!)).toEqual({
      vectors: 65,
      table: { bar: 3, offset: 0x2000, size: 65 * 16 },
      pba: { bar: 3, offset: 0x3000, size: 16 },
    });
  });

  it("refuses a table in a BAR that does not exist", () => {
    const config = configWith([], ...list(0x40), [0x40, 0x11, 0, 0, 0, 0x06]);
    expect(codeOf(() => msixLayout(config.find("msix")!))).toBe("ERR_CAPABILITY");
    expect(config.problems.map(({ code }) => code)).toEqual(["msix-bar"]);
  });

  it("counts vectors of each kind, never more than a kind can have", () => {
    const config = configWith(
      [],
      ...list(0x40),
      [0x3d, 1],
      [0x40, 0x05, 0x60, 0x0e],
      [0x60, 0x11, 0, 0xff, 0x07],
    );
    expect(vectorCounts(config)).toEqual({ intx: 1, msi: 32, msix: 2048 });
    expect(vectorCounts(configWith([], [0x3d, 5]))).toEqual({ intx: 0, msi: 0, msix: 0 });
  });
});
