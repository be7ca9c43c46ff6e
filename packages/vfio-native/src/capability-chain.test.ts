import { isPciError } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { capabilityRecords, infoCapabilities } from "./capability-chain.ts";
import { infoCapHeader, iovaRange } from "./uapi/vfio.ts";

function chainOf(...headers: { at: number; id: number; next: number }[]): Uint8Array {
  const bytes = new Uint8Array(128);
  for (const { at, id, next } of headers) infoCapHeader.write(bytes, { id, version: 1, next }, at);
  return bytes;
}

describe("infoCapabilities", () => {
  it("follows the kernel's chain in order", () => {
    const bytes = chainOf({ at: 32, id: 1, next: 64 }, { at: 64, id: 3, next: 0 });
    expect([...infoCapabilities(bytes, 32, 32)]).toEqual([
      { id: 1, version: 1, offset: 32 },
      { id: 3, version: 1, offset: 64 },
    ]);
  });

  it("has nothing to give when there is no chain", () => {
    expect([...infoCapabilities(new Uint8Array(32), 0, 32)]).toEqual([]);
  });

  it("reports a cycle instead of following it for ever", () => {
    const bytes = chainOf({ at: 32, id: 1, next: 64 }, { at: 64, id: 3, next: 32 });
    expect(() => [...infoCapabilities(bytes, 32, 32)]).toThrow(/offset 32 is not between 65/);
  });

  it("ends on any bytes, with capabilities or with an error of ours", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), fc.nat(300), (bytes, first) => {
        try {
          const found = [...infoCapabilities(bytes, first, 24)];
          expect(found.every(({ offset }) => offset >= 24 && offset + 8 <= bytes.length)).toBe(true);
        } catch (error) {
          expect(isPciError(error, "ERR_CAPABILITY")).toBe(true);
        }
      }),
    );
  });
});

describe("capabilityRecords", () => {
  it("refuses a count that reaches past the kernel's answer", () => {
    expect(() => capabilityRecords(new Uint8Array(64), 16, 4, iovaRange)).toThrow(/do not fit/);
    expect(capabilityRecords(new Uint8Array(64), 16, 3, iovaRange)).toHaveLength(3);
  });
});
