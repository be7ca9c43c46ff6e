import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defineStruct } from "./struct.ts";
import { StructRecord } from "./struct-record.ts";

const struct = defineStruct("sample", { size: "u32", flags: "u32", address: "u64", length: "u64" });

describe("StructRecord", () => {
  it("has the same bytes as the structure packed, whatever it held before", () => {
    const record = new StructRecord(struct);
    const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(u32, u32, u64, fc.maxSafeNat(), (size, flags, address, length) => {
        record.setU32("size", size);
        record.setU32("flags", flags);
        record.setU64("address", address);
        record.setNumber("length", length);
        expect(record.bytes).toEqual(struct.pack({ size, flags, address, length: BigInt(length) }));
        expect(record.getNumber("length")).toBe(length);
      }),
    );
  });

  it("is zero at first, but for what it is given", () => {
    expect(new StructRecord(struct).bytes).toEqual(struct.pack({}));
    expect(new StructRecord(struct, { size: 24, length: 7n }).bytes).toEqual(
      struct.pack({ size: 24, length: 7n }),
    );
  });

  it("shows what is written into its bytes, as the kernel does", () => {
    const record = new StructRecord(struct);
    struct.write(record.bytes, { length: 0x1_0000_2000n });
    expect(record.getNumber("length")).toBe(0x1_0000_2000);
  });
});
