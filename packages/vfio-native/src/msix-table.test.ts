import type { Region } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findMsixTable } from "./msix-table.ts";

function regionOf(bytes: Uint8Array): Region {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    size: bytes.length,
    read8: (offset: number) => view.getUint8(offset),
    read16: (offset: number) => view.getUint16(offset, true),
    read32: (offset: number) => view.getUint32(offset, true),
  } as Region;
}

function configWith(capabilities: Record<number, number[]>, first: number): Region {
  const bytes = new Uint8Array(256);
  bytes[0x06] = 1 << 4;
  bytes[0x34] = first;
  for (const [at, body] of Object.entries(capabilities)) bytes.set(body, Number(at));
  return regionOf(bytes);
}

describe("findMsixTable", () => {
  it("finds BAR, offset and size behind other capabilities", () => {
    const config = configWith(
      { 64: [0x01, 0x50, 0, 0], 80: [0x11, 0, 0x40, 0x00, 0x04, 0x20, 0, 0, 0x04, 0x30, 0, 0] },
      0x40,
    );
    expect(findMsixTable(config)).toEqual({ bar: 4, offset: 0x2000, size: 65 * 16 });
  });

  it("finds nothing where there is no capability list", () => {
    expect(findMsixTable(regionOf(new Uint8Array(256)))).toBeUndefined();
  });

  it("does not follow a cycle for ever", () => {
    expect(findMsixTable(configWith({ 64: [0x01, 0x48], 72: [0x05, 0x40] }, 0x40))).toBeUndefined();
  });

  it("does not read past the end for a capability that begins in the last bytes", () => {
    expect(findMsixTable(configWith({ 252: [0x11, 0, 0, 0] }, 0xfc))).toBeUndefined();
  });

  it("ends on any configuration space, within it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), (bytes) => {
        const table = findMsixTable(regionOf(bytes));
        if (table !== undefined) expect(table.size % 16).toBe(0);
      }),
    );
  });
});
