import { wrongRefusals } from "@userpci/interface/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { JoinedRegion } from "./joined-region.ts";
import { codeOf, recordingRegion, supervisorOf, windowAt } from "./test/regions.ts";

/** Two windows with a hole between them, as around an MSI-X table. */
function makeBed() {
  const low = windowAt(0, 0x1000);
  const high = windowAt(0x2000, 0x1000);
  const fallback = recordingRegion(0x3000);
  const device = { usable: true, decodes: true };
  const supervisor = supervisorOf(device);
  const region = new JoinedRegion("BAR 0", 0x3000, [low, high], fallback.region, supervisor);
  return { low, high, fallback, device, supervisor, region };
}

describe("JoinedRegion", () => {
  let bed: ReturnType<typeof makeBed>;
  beforeEach(() => {
    bed = makeBed();
  });

  it("reads and writes every width in the window that holds the offset", () => {
    const { region, low, high } = bed;
    region.write64(8, 0x0807_0605_0403_0201n);
    expect([...new Uint8Array(low.buffer, 8, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    region.write32(0x2ffc, 0xffff_fffe);
    region.write16(0x2ff8, 0x2345);
    region.write8(0x2ff0, 0xff);
    expect(new Uint32Array(high.buffer)[0x3ff]).toBe(0xffff_fffe);
    expect(region.read32(12)).toBe(0x0807_0605);
    expect(region.read16(0x2ff8)).toBe(0x2345);
    expect(region.read8(15)).toBe(8);
    expect(region.read64(8)).toBe(0x0807_0605_0403_0201n);
    expect(region.read8(0x2ff0)).toBe(0xff);
  });

  it("serves what is not mapped through the fallback, access by access", () => {
    const { region, fallback } = bed;
    expect(region.read8(0x1002)).toBe(0x77);
    expect(region.read16(0x1002)).toBe(0x77);
    expect(region.read32(0x1000)).toBe(0x77);
    expect(region.read64(0x1008)).toBe(0x77n);
    region.write8(0x1fff, 5);
    region.write16(0x1ffe, 6);
    region.write32(0x1ffc, 7);
    region.write64(0x1010, 9n);
    expect(fallback.calls).toEqual([
      ["read8", 0x1002],
      ["read16", 0x1002],
      ["read32", 0x1000],
      ["read64", 0x1008],
      ["write8", 0x1fff, 5],
      ["write16", 0x1ffe, 6],
      ["write32", 0x1ffc, 7],
      ["write64", 0x1010, 9n],
    ]);
  });

  it.each([0, 0x2000, 0x1000])("refuses what its contract says after an access at %i", (warm) => {
    const { region, low, high, fallback } = bed;
    region.read32(warm);
    const calls = fallback.calls.length;
    expect(wrongRefusals(region)).toEqual([]);
    expect(codeOf(() => region.read32(0x2002))).toBe("ERR_MISALIGNED");
    expect(codeOf(() => region.write32(0x2000, 5n as never))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => region.write64(0x2000, 5 as never))).toBe("ERR_INVALID_ARGUMENT");
    expect([low, high].every(({ buffer }) => new Uint8Array(buffer).every((byte) => byte === 0))).toBe(true);
    expect(fallback.calls).toHaveLength(calls);
  });

  it("maps only the window again that faulted", () => {
    const { region, low, high, device } = bed;
    new Uint8Array(high.buffer).fill(0xff);
    high.fault[0] = 1;
    device.decodes = false;
    expect(codeOf(() => region.read32(0x2000))).toBe("ERR_MEMORY_DISABLED");
    expect(region.read32(0)).toBe(0);
    device.decodes = true;
    expect(region.read32(0x2000)).toBe(0xffff_ffff);
    expect(high.remap).toHaveBeenCalledOnce();
    expect(low.remap).not.toHaveBeenCalled();
  });

  it("asks before the next access to each window once it is blocked", () => {
    const { region, device } = bed;
    device.usable = false;
    region.block();
    expect(codeOf(() => region.read32(0))).toBe("ERR_RESETTING");
    expect(codeOf(() => region.write32(0x2000, 0))).toBe("ERR_RESETTING");
    device.usable = true;
    expect(region.read32(0)).toBe(0);
  });

  it("releases its windows once, and is closed for every access", () => {
    const { region, low, high, supervisor } = bed;
    region.close();
    region[Symbol.dispose]();
    expect(low.release).toHaveBeenCalledOnce();
    expect(high.release).toHaveBeenCalledOnce();
    expect(supervisor.delete).toHaveBeenCalledWith(region);
    for (const offset of [0, 0x1000, 0x2000]) {
      expect(codeOf(() => region.read32(offset))).toBe("ERR_CLOSED");
      expect(codeOf(() => region.write8(offset, 0))).toBe("ERR_CLOSED");
    }
  });
});
