import { isPciError } from "@userpci/interface";
import { wrongRefusals } from "@userpci/interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesRegion, readBytes } from "./bytes.ts";
import { codeOf, recordingRegion } from "./testing/regions.ts";

describe("bytesRegion", () => {
  it("reads and writes the caller's bytes, little-endian, at every width", () => {
    const bytes = new Uint8Array(32);
    const region = bytesRegion(bytes.subarray(8, 24));
    region.write8(0, 0x11);
    region.write16(2, 0x2233);
    region.write32(4, 0x8899aabb);
    region.write64(8, 0x0102030405060708n);
    expect([...bytes.subarray(8, 24)]).toEqual([
      0x11, 0, 0x33, 0x22, 0xbb, 0xaa, 0x99, 0x88, 8, 7, 6, 5, 4, 3, 2, 1,
    ]);
    expect([region.read8(0), region.read16(2), region.read32(4), region.read64(8)]).toEqual([
      0x11,
      0x2233,
      0x8899aabb,
      0x0102030405060708n,
    ]);
  });

  it("refuses what its contract says, and writes nothing", () => {
    const bytes = new Uint8Array(64);
    expect(wrongRefusals(bytesRegion(bytes))).toEqual([]);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(codeOf(() => bytesRegion(new Uint8Array(2)).read32(0))).toBe("ERR_OUT_OF_RANGE");
  });

  it("has no bytes left when its buffer was transferred away", () => {
    const bytes = new Uint8Array(64);
    const region = bytesRegion(bytes);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(region.size).toBe(0);
    expect(codeOf(() => region.read8(0))).toBe("ERR_OUT_OF_RANGE");
  });
});

describe("readBytes", () => {
  it("copies any span, and refuses spans that are not inside", () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, index) => index * 7);
    fc.assert(
      fc.property(fc.integer({ min: -1, max: 65 }), fc.integer({ min: -1, max: 65 }), (offset, length) => {
        const inside = offset >= 0 && length >= 0 && offset + length <= 64;
        try {
          expect(readBytes(bytesRegion(bytes), offset, length)).toEqual(bytes.slice(offset, offset + length));
          expect(inside).toBe(true);
        } catch (error) {
          if (!isPciError(error, "ERR_OUT_OF_RANGE")) throw error;
          expect(inside).toBe(false);
        }
      }),
    );
  });

  it("uses the widest aligned accesses", () => {
    const { region, log } = recordingRegion(new Uint8Array(64));
    readBytes(region, 5, 10);
    expect(log).toEqual(["read8 0x5", "read16 0x6", "read32 0x8", "read16 0xc", "read8 0xe"]);
  });
});
