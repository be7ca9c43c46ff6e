import { isPciError } from "@userpci/interface";
import { wrongRefusals } from "@userpci/interface/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { DeviceAccess } from "./device-access.ts";
import type { Native } from "./native.ts";
import { PreadRegion } from "./pread-region.ts";

const codeOf = (call: () => unknown): unknown => {
  try {
    return call();
  } catch (error) {
    return isPciError(error) ? error.code : error;
  }
};

/** A file of bytes in place of the device descriptor; -EIO from `silentFrom` on, as of a BAR that does not decode. */
function fileOf(bytes: Uint8Array, silentFrom = Number.POSITIVE_INFINITY) {
  const view = new DataView(bytes.buffer);
  const calls: string[] = [];
  const native = {
    readScalar(_fd: number, position: number, width: 1 | 2 | 4) {
      calls.push(`read ${width} at ${position}`);
      if (position >= silentFrom) return -5;
      return width === 1
        ? view.getUint8(position)
        : width === 2
          ? view.getUint16(position, true)
          : view.getUint32(position, true);
    },
    pread(_fd: number, target: Uint8Array, position: number) {
      const count = Math.min(target.length, 3000);
      calls.push(`read up to ${target.length} at ${position}`);
      if (position >= silentFrom) return -5;
      target.set(bytes.subarray(position, position + count));
      return count;
    },
    writeScalar(_fd: number, position: number, width: 1 | 2 | 4, value: number) {
      calls.push(`write ${width} at ${position}: ${value}`);
      return position >= silentFrom ? -5 : 0;
    },
  };
  return { native: native as unknown as Native, calls };
}

describe("PreadRegion", () => {
  const base = 4096;
  let file: ReturnType<typeof fileOf>;
  let access: DeviceAccess;
  let region: PreadRegion;

  beforeEach(() => {
    file = fileOf(new Uint8Array(8192).fill(0x11));
    access = new DeviceAccess(file.native, 3, "0000:01:00.0", 0);
    region = new PreadRegion(access, {
      name: "BAR 4",
      base,
      size: 4096,
      msixTable: { offset: 0x100, size: 0x20 },
    });
  });

  it("reads a ROM in as few calls as the kernel lets it, and registers never so", () => {
    const rom = new PreadRegion(access, { name: "the ROM", base, size: 4096, bulk: true });
    const bytes = new Uint8Array(4000);
    rom.readInto!(8, bytes);
    expect(bytes).toEqual(new Uint8Array(4000).fill(0x11));
    expect(file.calls).toEqual([`read up to 4000 at ${base + 8}`, `read up to 1000 at ${base + 3008}`]);
    rom.readInto!(4096, new Uint8Array(0));
    for (const [offset, length] of [
      [97, 4000],
      [-1, 1],
      [4096, 1],
    ] as const)
      expect(codeOf(() => rom.readInto!(offset, new Uint8Array(length)))).toBe("ERR_OUT_OF_RANGE");
    expect(region.readInto).toBeUndefined();
    access.close();
    expect(codeOf(() => rom.readInto!(0, bytes))).toBe("ERR_CLOSED");
  });

  it("writes nothing to a region that is read-only, as emulated", () => {
    const rom = new PreadRegion(access, { name: "the expansion ROM", base, size: 4096, readOnly: true });
    for (const write of ["write8", "write16", "write32"] as const) {
      const refusal = { code: "ERR_NOT_SUPPORTED", message: "the expansion ROM cannot be written" };
      expect(() => rom[write](0, 1)).toThrow(expect.objectContaining(refusal));
      expect(codeOf(() => rom[write](4096, 1))).toBe("ERR_OUT_OF_RANGE");
    }
    expect(file.calls).toEqual([]);
    expect(rom.read8(0)).toBe(0x11);
  });

  it("makes one call of the access's width at the region's place", () => {
    expect(region.read32(8)).toBe(0x1111_1111);
    region.write16(0x20, 7);
    expect(file.calls).toEqual([`read 4 at ${base + 8}`, `write 2 at ${base + 0x20}: 7`]);
  });

  it("keeps reads and writes out of the MSI-X table, and lets its neighbours through", () => {
    for (const offset of [0x100, 0x110, 0x11c]) {
      expect(codeOf(() => region.read32(offset))).toBe("ERR_MSIX_TABLE");
      expect(codeOf(() => region.write32(offset, 0))).toBe("ERR_MSIX_TABLE");
    }
    expect(codeOf(() => region.write8(0x11f, 0))).toBe("ERR_MSIX_TABLE");
    expect(file.calls).toEqual([]);
    expect(region.read32(0xfc)).toBe(0x1111_1111);
    expect(region.read8(0x120)).toBe(0x11);
  });

  it("offers no access of 64 bits, which the kernel would split", () => {
    expect(codeOf(() => region.read64(0))).toBe("ERR_NOT_SUPPORTED");
    expect(codeOf(() => region.write64(0, 1n))).toBe("ERR_NOT_SUPPORTED");
    expect(codeOf(() => region.read64(4))).toBe("ERR_MISALIGNED");
    expect(codeOf(() => region.read64(4096))).toBe("ERR_OUT_OF_RANGE");
    expect(file.calls).toEqual([]);
  });

  it("calls nobody for what its contract refuses", () => {
    expect(wrongRefusals(region, { has64: false })).toEqual([]);
    expect(file.calls).toEqual([]);
  });

  it("says that memory decode is off where the device is there and does not answer", () => {
    const silent = fileOf(new Uint8Array(8192), base);
    const device = new DeviceAccess(silent.native, 3, "0000:01:00.0", 0);
    const bar = new PreadRegion(device, { name: "BAR 0", base, size: 4096 });
    expect(codeOf(() => bar.read32(0))).toBe("ERR_MEMORY_DISABLED");
    expect(codeOf(() => bar.write32(0, 1))).toBe("ERR_MEMORY_DISABLED");
  });

  it("tells registers of all ones from a device that is gone, but where ones are no registers", () => {
    const bytes = new Uint8Array(8192).fill(0xff);
    const device = new DeviceAccess(fileOf(bytes).native, 3, "0000:01:00.0", 0);
    const bar = new PreadRegion(device, { name: "BAR 0", base, size: 4096, registers: true });
    const config = new PreadRegion(device, { name: "config space", base: 0, size: 256 });
    for (const read of ["read8", "read16", "read32"] as const) {
      expect(codeOf(() => bar[read](0))).toBe("ERR_DEVICE_GONE");
    }
    expect(config.read32(0)).toBe(0xffff_ffff);
    bytes.fill(0x11, 8, 12);
    expect([bar.read8(0), bar.read16(0), bar.read32(0)]).toEqual([0xff, 0xffff, 0xffff_ffff]);
  });

  it("refuses everything after close and during a reset", () => {
    access.beginReset();
    expect(codeOf(() => region.read32(0))).toBe("ERR_RESETTING");
    access.endReset();
    expect(region.read32(0)).toBe(0x1111_1111);
    access.close();
    expect(codeOf(() => region.read32(0))).toBe("ERR_CLOSED");
    expect(codeOf(() => region.read64(0))).toBe("ERR_CLOSED");
  });
});
