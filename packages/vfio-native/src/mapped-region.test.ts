import { inspect } from "node:util";
import { wrongRefusals } from "@userpci/interface/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { MappedRegion } from "./mapped-region.ts";
import { codeOf, supervisorOf, windowAt } from "./test/regions.ts";

function makeBed() {
  const window = windowAt(0, 0x1000);
  const device = { usable: true, decodes: true, gone: false };
  const supervisor = supervisorOf(device);
  return { window, device, supervisor, region: new MappedRegion("BAR 0", window, supervisor) };
}

describe("MappedRegion", () => {
  let bed: ReturnType<typeof makeBed>;
  beforeEach(() => {
    bed = makeBed();
  });

  it("reads and writes every width, little-endian", () => {
    const { region, window } = bed;
    region.write64(8, 0x0807_0605_0403_0201n);
    expect([...new Uint8Array(window.buffer, 8, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(region.read32(12)).toBe(0x0807_0605);
    expect(region.read16(14)).toBe(0x0807);
    expect(region.read8(15)).toBe(8);
    expect(region.read64(8)).toBe(0x0807_0605_0403_0201n);
    region.write32(0xffc, 0xffff_fffe);
    region.write16(0xff8, 0x1_2345);
    region.write8(0xff0, 0x1ff);
    expect(region.read32(0xffc)).toBe(0xffff_fffe);
    expect(region.read16(0xff8)).toBe(0x2345);
    expect(region.read8(0xff0)).toBe(0xff);
  });

  it("refuses what its contract says, writes nothing, and goes on working", () => {
    const { region, window } = bed;
    expect(wrongRefusals(region)).toEqual([]);
    expect(new Uint8Array(window.buffer).every((byte) => byte === 0)).toBe(true);
    region.write32(4, 9);
    expect(region.read32(4)).toBe(9);
  });

  it("gives all ones as a value of a device that is there, and asks only then", () => {
    const { region, window, supervisor } = bed;
    region.write32(8, 0x7fff_ffff);
    expect(region.read32(8)).toBe(0x7fff_ffff);
    expect(supervisor.goneError).not.toHaveBeenCalled();
    new Uint8Array(window.buffer).fill(0xff);
    expect(region.read8(0)).toBe(0xff);
    expect(region.read16(0)).toBe(0xffff);
    expect(region.read32(0)).toBe(0xffff_ffff);
    expect(region.read64(0)).toBe(0xffff_ffff_ffff_ffffn);
  });

  it("says of all ones from a device that is gone that it is, though nothing faulted", () => {
    const { region, window, device } = bed;
    new Uint8Array(window.buffer).fill(0xff);
    device.gone = true;
    for (const read of ["read8", "read16", "read32", "read64"] as const) {
      expect(codeOf(() => region[read](8))).toBe("ERR_DEVICE_GONE");
    }
    device.gone = false;
    expect(region.read32(8)).toBe(0xffff_ffff);
  });

  it("throws once for a window that has faulted", () => {
    const { region, window } = bed;
    new Uint8Array(window.buffer).fill(0xff);
    for (const read of ["read8", "read16", "read32", "read64"] as const) {
      window.fault[0] = 1;
      expect(codeOf(() => region[read](0))).toBe("ERR_DEVICE_GONE");
      expect(Number(region[read](8))).toBeGreaterThan(0);
    }
  });

  it("reports a write that found nobody at the next read", () => {
    const { region, window } = bed;
    window.fault[0] = 1;
    new Uint8Array(window.buffer).fill(0xff);
    region.write32(0, 0xffff_ffff);
    expect(codeOf(() => region.read32(0))).toBe("ERR_DEVICE_GONE");
  });

  it("maps the device again once it decodes memory, and says so until then", () => {
    const { region, window, device } = bed;
    new Uint8Array(window.buffer).fill(0xff);
    window.fault[0] = 1;
    device.decodes = false;
    expect(codeOf(() => region.read32(0))).toBe("ERR_MEMORY_DISABLED");
    expect(codeOf(() => region.write32(0, 1))).toBe("ERR_MEMORY_DISABLED");
    expect(codeOf(() => region.read8(0))).toBe("ERR_MEMORY_DISABLED");
    expect(window.remap).not.toHaveBeenCalled();
    device.decodes = true;
    region.write32(0, 3);
    expect(window.remap).toHaveBeenCalledOnce();
    expect(region.read32(0)).toBe(3);
  });

  it("asks before the next access once it is blocked", () => {
    const { region, device } = bed;
    region.write32(0, 5);
    device.usable = false;
    region.block();
    expect(codeOf(() => region.read32(0))).toBe("ERR_RESETTING");
    expect(codeOf(() => region.write32(0, 6))).toBe("ERR_RESETTING");
    device.usable = true;
    expect(region.read32(0)).toBe(5);
  });

  it("releases its window once, and is closed for every access", () => {
    const { region, window, supervisor } = bed;
    region.close();
    region[Symbol.dispose]();
    expect(window.release).toHaveBeenCalledOnce();
    expect(supervisor.delete).toHaveBeenCalledOnce();
    expect(codeOf(() => region.read32(0))).toBe("ERR_CLOSED");
    expect(codeOf(() => region.write8(0, 0))).toBe("ERR_CLOSED");
  });

  it("can be printed without showing, and so reading, the device's bytes", () => {
    expect(inspect(bed.region, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toMatch(
      /Buffer|Array/,
    );
  });
});
