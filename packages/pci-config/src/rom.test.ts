import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeRom } from "./rom.ts";

/** A ROM image of one unit of 512 bytes. */
function image(kind: number, isLast: boolean, units = 1): Uint8Array {
  const bytes = new Uint8Array(units * 512);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xaa55, true);
  view.setUint16(0x18, 0x1c, true);
  bytes.set(new TextEncoder().encode("PCIR"), 0x1c);
  view.setUint16(0x20, 0x8086, true);
  view.setUint16(0x22, 0x10d3, true);
  view.setUint32(0x28, 0x0200_0000, true);
  view.setUint16(0x2c, units, true);
  view.setUint16(0x2e, 7, true);
  view.setUint8(0x30, kind);
  view.setUint8(0x31, isLast ? 0x80 : 0);
  return bytes;
}

const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

describe("an expansion ROM", () => {
  it("has images one behind the other, up to the one that is marked", () => {
    const pc = image(0, false, 2);
    pc[1023] = 256 - (pc.reduce((sum, byte) => sum + byte, 0) & 0xff);
    const efi = image(3, true);
    efi[0x0c] = 1;
    const common = { vendorId: 0x8086, deviceId: 0x10d3, classCode: 0x020000, revision: 7 };
    expect(describeRom(joined(pc, efi, image(1, true)))).toEqual({
      images: [
        { ...common, offset: 0, length: 1024, kind: "x86", checksumHolds: true },
        { ...common, offset: 1024, length: 512, kind: "efi", compressed: true },
      ],
    });
  });

  it.each([
    ["no signature", new Uint8Array(512), /there is no image at 0x0/],
    ["nothing", new Uint8Array(0), /ends at 0x0/],
    ["an end before the last", image(0, false), /ends at 0x200/],
    ["a length beyond", image(0, true, 2).subarray(0, 512), /has 1024 bytes, and 512 are left/],
    ["no structure", image(0, true).fill(0, 0x1c, 0x20), /no PCI data structure at 0x1c/],
  ])("with %s is told as a problem", (_, bytes, problem) => {
    expect(describeRom(bytes).problem).toMatch(problem);
  });

  it("of any bytes ends", () => {
    const base = joined(image(0, false), image(3, true));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { maxLength: 8 }), (changes) => {
        const bytes = base.slice();
        for (const [at, value] of changes) bytes[at] = value;
        expect(describeRom(bytes).images.length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 1000 },
    );
  });
});
