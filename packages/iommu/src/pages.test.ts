import { MAX_IOVA } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressOf, UNIT, UNITS, unitOf, unitStartingAt } from "./pages.ts";

const units = fc.oneof(fc.nat(), fc.integer({ min: 0, max: UNITS - 1 }), fc.constant(UNITS - 1));

describe("units and addresses", () => {
  it("are exact through all 64 bits", () => {
    fc.assert(
      fc.property(units, fc.integer({ min: 0, max: UNIT - 1 }), (unit, offset) => {
        const address = BigInt(unit) * BigInt(UNIT);
        expect(addressOf(unit)).toBe(address);
        expect(unitOf(address + BigInt(offset))).toBe(unit);
        expect(unitStartingAt(address + BigInt(offset))).toBe(offset === 0 ? unit : -1);
      }),
    );
    expect(unitOf(MAX_IOVA)).toBe(UNITS - 1);
    expect(unitOf(MAX_IOVA + 1n)).toBe(UNITS);
  });

  it("do not meet outside 64 bits", () => {
    for (const outside of [-1n, BigInt(-UNIT), 1n << 64n, (1n << 64n) + BigInt(UNIT)]) {
      const unit = unitStartingAt(outside);
      expect(unit < 0 || unit >= UNITS).toBe(true);
    }
  });
});
