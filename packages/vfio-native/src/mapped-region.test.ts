import { DeviceGoneError, isPciError, PciError, type Region } from "@userpci/interface";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { MappedRegion, type MappedWindow, type RegionSupervisor } from "./mapped-region.ts";

const codeOf = (call: () => unknown): unknown => {
  try {
    return call();
  } catch (error) {
    return isPciError(error) ? error.code : error;
  }
};

function windowAt(offset: number, size: number) {
  const window = {
    offset,
    buffer: new ArrayBuffer(size),
    fault: new Int32Array(1),
    remap: vi.fn(() => {
      window.fault[0] = 0;
    }),
    release: vi.fn(),
  };
  return window satisfies MappedWindow;
}

/** Answers with a value that says which access it was. */
function fallbackOf(size: number) {
  const calls: [string, number, (number | bigint)?][] = [];
  const read = (name: string) => (offset: number) => {
    calls.push([name, offset]);
    return 0x77;
  };
  const write = (name: string) => (offset: number, value: number | bigint) => {
    calls.push([name, offset, value]);
  };
  const region: Region = {
    size,
    read8: read("read8"),
    read16: read("read16"),
    read32: read("read32"),
    read64: (offset) => BigInt(read("read64")(offset)),
    write8: write("write8"),
    write16: write("write16"),
    write32: write("write32"),
    write64: write("write64"),
  };
  return { region, calls };
}

/** Two windows with a hole between them, as around an MSI-X table. */
function sparse() {
  const low = windowAt(0, 0x1000);
  const high = windowAt(0x2000, 0x1000);
  const fallback = fallbackOf(0x3000);
  const device = { usable: true, decodes: true };
  const supervisor: RegionSupervisor = {
    assertUsable() {
      if (!device.usable) throw new PciError("ERR_RESETTING", "resetting");
    },
    decodesMemory: () => device.decodes,
    faultError: (where) =>
      device.decodes ? new DeviceGoneError(where) : new PciError("ERR_MEMORY_DISABLED", where),
    delete: vi.fn(),
  };
  const region = new MappedRegion("BAR 0", 0x3000, [low, high], fallback.region, supervisor);
  return { low, high, fallback, device, supervisor, region };
}

describe("MappedRegion", () => {
  let bed: ReturnType<typeof sparse>;
  beforeEach(() => {
    bed = sparse();
  });

  it("reads and writes every width, little-endian, in the window that holds the offset", () => {
    const { region, low, high } = bed;
    region.write64(8, 0x0807_0605_0403_0201n);
    expect([...new Uint8Array(low.buffer, 8, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(region.read32(12)).toBe(0x0807_0605);
    expect(region.read16(14)).toBe(0x0807);
    expect(region.read8(15)).toBe(8);
    expect(region.read64(8)).toBe(0x0807_0605_0403_0201n);
    region.write32(0x2ffc, 0xffff_fffe);
    region.write16(0x2ff8, 0x1_2345);
    region.write8(0x2ff0, 0x1ff);
    expect(new Uint32Array(high.buffer)[0x3ff]).toBe(0xffff_fffe);
    expect(region.read16(0x2ff8)).toBe(0x2345);
    expect(region.read8(0x2ff0)).toBe(0xff);
  });

  it("serves what is not mapped through the fallback, access by access", () => {
    const { region, fallback } = bed;
    expect(region.read32(0x1000)).toBe(0x77);
    region.write8(0x1fff, 5);
    expect(region.read64(0x1008)).toBe(0x77n);
    region.write64(0x1010, 9n);
    expect(fallback.calls).toEqual([
      ["read32", 0x1000],
      ["write8", 0x1fff, 5],
      ["read64", 0x1008],
      ["write64", 0x1010, 9n],
    ]);
  });

  it("refuses what is outside, misaligned or no integer, in every state of its windows", () => {
    const { region } = bed;
    for (const warm of [0, 0x2000]) {
      region.read32(warm);
      expect(codeOf(() => region.read32(0x3000))).toBe("ERR_OUT_OF_RANGE");
      expect(codeOf(() => region.read8(-1))).toBe("ERR_OUT_OF_RANGE");
      expect(codeOf(() => region.read32(2 ** 32))).toBe("ERR_OUT_OF_RANGE");
      expect(codeOf(() => region.read32(2))).toBe("ERR_MISALIGNED");
      expect(codeOf(() => region.write64(4, 0n))).toBe("ERR_MISALIGNED");
      expect(codeOf(() => region.read16(Number.NaN))).toBe("ERR_INVALID_ARGUMENT");
      expect(codeOf(() => region.write8(0.5, 0))).toBe("ERR_INVALID_ARGUMENT");
    }
  });

  it("gives all ones as a value unless the window has faulted", () => {
    const { region, low } = bed;
    new Uint8Array(low.buffer).fill(0xff);
    expect(region.read32(0)).toBe(0xffff_ffff);
    low.fault[0] = 1;
    expect(codeOf(() => region.read32(0))).toBe("ERR_DEVICE_GONE");
    expect(codeOf(() => region.read32(4))).toBe(0xffff_ffff);
  });

  it("maps the device again once it decodes memory, and says so until then", () => {
    const { region, low, high, device } = bed;
    region.write32(0, 1);
    low.fault[0] = 1;
    device.decodes = false;
    expect(codeOf(() => region.write32(0, 1))).toBe("ERR_MEMORY_DISABLED");
    expect(codeOf(() => region.read8(0))).toBe("ERR_MEMORY_DISABLED");
    expect(low.remap).not.toHaveBeenCalled();
    device.decodes = true;
    region.write32(0, 3);
    expect(low.remap).toHaveBeenCalledOnce();
    expect(region.read32(0)).toBe(3);
    expect(high.remap).not.toHaveBeenCalled();
  });

  it("asks before the next access once it is blocked", () => {
    const { region, device } = bed;
    region.write32(0, 5);
    device.usable = false;
    region.block();
    expect(codeOf(() => region.read32(0))).toBe("ERR_RESETTING");
    device.usable = true;
    expect(region.read32(0)).toBe(5);
  });

  it("releases its windows once, and is closed for every access", () => {
    const { region, low, high, supervisor } = bed;
    region.close();
    region[Symbol.dispose]();
    expect(low.release).toHaveBeenCalledOnce();
    expect(high.release).toHaveBeenCalledOnce();
    expect(supervisor.delete).toHaveBeenCalledOnce();
    expect(codeOf(() => region.read32(0))).toBe("ERR_CLOSED");
    expect(codeOf(() => region.write8(0x1000, 0))).toBe("ERR_CLOSED");
  });
});
