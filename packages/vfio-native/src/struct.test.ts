import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defineStruct } from "./struct.ts";

const mixed = defineStruct("mixed", { a: "u8", b: "u32", c: "u16", d: "u64", e: "s32" });

describe("defineStruct", () => {
  it("places fields as C does on a 64-bit machine", () => {
    expect(mixed.offsets).toEqual({ a: 0, b: 4, c: 8, d: 16, e: 24 });
    expect(mixed.size).toBe(32);
  });

  it("gives back every value that was packed", () => {
    const values = fc.record({
      a: fc.integer({ min: 0, max: 0xff }),
      b: fc.integer({ min: 0, max: 0xffffffff }),
      c: fc.integer({ min: 0, max: 0xffff }),
      d: fc.bigInt(0n, 0xffff_ffff_ffff_ffffn),
      e: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
    });
    fc.assert(
      fc.property(values, (given) => {
        expect(mixed.read(mixed.pack(given))).toEqual(given);
      }),
    );
  });

  it("leaves room for a flexible array and other fields untouched", () => {
    const bytes = mixed.pack({ b: 7 }, 12);
    expect(bytes.length).toBe(44);
    mixed.write(bytes, { e: -1 });
    expect(mixed.read(bytes)).toEqual({ a: 0, b: 7, c: 0, d: 0n, e: -1 });
  });

  it("refuses to read past the bytes it was given", () => {
    expect(() => mixed.read(new Uint8Array(16))).toThrow(/16 bytes/);
  });
});
