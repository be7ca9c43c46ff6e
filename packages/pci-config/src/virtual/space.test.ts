import { isPciError } from "@userpci/interface";
import { wrongRefusals } from "@userpci/interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { barShapes } from "../bar-shape.ts";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";
import { readCaptures } from "../testing/captures.ts";
import { codeOf, list, recordingRegion, space } from "../testing/regions.ts";
import { type VirtualDevice, virtualFunctionIds } from "./device.ts";
import { linux } from "./linux.ts";
import type { Profile } from "./rule.ts";
import { VirtualConfigSpace } from "./space.ts";
import { vfio2010 } from "./vfio2010.ts";

const captures = readCaptures("real");
const bytesOf = (address: string): Uint8Array => captures.get(address)!.bytes.slice();
const profiles: readonly Profile[] = [linux, vfio2010];

const NVME = "0000:03:00.0";
const EDU = "0000:00:04.0";
const IGB = "0000:02:00.0";
const IGB_VF = "0000:02:10.0";

function over(profile: Profile, bytes: Uint8Array, more: Partial<VirtualDevice> = {}) {
  const region = bytesRegion(bytes);
  return { bytes, region, user: new VirtualConfigSpace(profile, { region, ...more }) };
}

const sizes = { [NVME]: [0x4000], [EDU]: [0x10_0000] } as Record<string, number[]>;

function captured(profile: Profile, address: string, more: Partial<VirtualDevice> = {}) {
  const bytes = bytesOf(address);
  const bars = barShapes(configOf(bytesRegion(bytes)), sizes[address] ?? []);
  return over(profile, bytes, { bars, ...more });
}

describe.each(profiles)("profile $name", (profile) => {
  it("sizes a 64-bit BAR as hardware does, and the device's own stays", () => {
    const { user, bytes } = captured(profile, NVME);
    const before = bytes.slice();
    user.write32(0x10, 0xffff_ffff);
    user.write32(0x14, 0xffff_ffff);
    expect([user.read32(0x10), user.read32(0x14)]).toEqual([0xffff_c004, 0xffff_ffff]);
    expect(bytes).toEqual(before);
  });

  it("sizes a 32-bit BAR, and aligns a partial address down to the size", () => {
    const { user } = captured(profile, EDU);
    user.write32(0x10, 0xffff_ffff);
    expect(user.read32(0x10)).toBe(0xfff0_0000);
    user.write32(0x10, 0x1234_5678);
    expect(user.read32(0x10)).toBe(0x1230_0000);
    user.write8(0x13, 0xab);
    expect(user.read32(0x10)).toBe(0xab30_0000);
  });

  it("sizes I/O, prefetchable and ROM registers with their type and enable bits", () => {
    const { user } = over(profile, space(256), {
      bars: [
        { kind: "io", size: 32 },
        { kind: "memory32", prefetchable: true, size: 0x1000 },
      ],
      romSize: 0x1_0000,
    });
    for (const offset of [0x10, 0x14, 0x18, 0x30]) user.write32(offset, 0xffff_ffff);
    expect([0x10, 0x14, 0x18, 0x30].map((offset) => user.read32(offset))).toEqual([
      0xffff_ffe1, 0xffff_f008, 0, 0xffff_0001,
    ]);
  });

  it("sizes BARs past 4 GiB in their upper half", () => {
    const { user } = over(profile, space(256), {
      bars: [{ kind: "memory64", prefetchable: true, size: 2 ** 34 }],
    });
    user.write32(0x10, 0xffff_ffff);
    user.write32(0x14, 0xffff_ffff);
    expect([user.read32(0x10), user.read32(0x14)]).toEqual([0xc, 0xffff_fffc]);
  });

  it("refuses BARs that cannot be", () => {
    const code = (bar: object) => codeOf(() => over(profile, space(256), { bars: [bar] as never }));
    expect(code({ kind: "memory32", size: 24 })).toBe("ERR_INVALID_ARGUMENT");
    expect(code({ kind: "memory32", size: 8 })).toBe("ERR_INVALID_ARGUMENT");
    expect(code({ kind: "memory32", size: 2 ** 32 })).toBe("ERR_INVALID_ARGUMENT");
    expect(code({ kind: "io", size: 32, prefetchable: true })).toBe("ERR_INVALID_ARGUMENT");
  });

  it("shows a virtual function the ids of its physical function's capability", () => {
    const ids = virtualFunctionIds(configOf(bytesRegion(bytesOf(IGB))));
    expect(ids).toEqual({ vendorId: 0x8086, deviceId: 0x10ca });
    const { user } = captured(profile, IGB_VF, { virtualFunction: ids });
    expect(user.read32(0)).toBe(0x10ca_8086);
    user.write32(0, 0);
    expect(user.read32(0)).toBe(0x10ca_8086);
    expect(user.read8(0x3d)).toBe(0);
  });

  it("keeps the address and data of MSI from the device", () => {
    const { user, bytes } = captured(profile, EDU);
    const msi = configOf(bytesRegion(bytes)).find("msi")!.offset;
    const before = bytes.slice();
    user.write32(msi + 4, 0xfee0_1000);
    user.write32(msi + 8, 0x1);
    user.write16(msi + 12, 0x4041);
    expect([user.read32(msi + 4), user.read32(msi + 8), user.read16(msi + 12)]).toEqual([
      0xfee0_1000, 1, 0x4041,
    ]);
    expect(bytes).toEqual(before);
  });

  it("drops all state on close, and the next user begins from the device", () => {
    const { user, region, bytes } = captured(profile, EDU);
    user.write8(0x3c, 0x2a);
    user.write32(0x10, 0xabc0_0000);
    user.close();
    user.close();
    expect(codeOf(() => user.read8(0x3c))).toBe("ERR_CLOSED");
    expect(codeOf(() => user.write8(0x3c, 1))).toBe("ERR_CLOSED");
    expect(codeOf(() => user.explain(0x3c, 1))).toBe("ERR_CLOSED");
    const bars = barShapes(configOf(region), [0x10_0000]);
    const later = new VirtualConfigSpace(profile, { region, bars });
    expect(later.read8(0x3c)).toBe(bytes[0x3c]);
    expect(later.read32(0x10)).toBe(region.read32(0x10));
  });

  it("refuses bridges, accesses that no config space has, and offsets outside", () => {
    expect(codeOf(() => captured(profile, "0000:00:06.0"))).toBe("ERR_NOT_SUPPORTED");
    const { user } = captured(profile, EDU);
    expect(codeOf(() => user.read64(0))).toBe("ERR_NOT_SUPPORTED");
    expect(codeOf(() => user.write64(0, 0n))).toBe("ERR_NOT_SUPPORTED");
    expect(wrongRefusals(user, { has64: false })).toEqual([]);
    expect(codeOf(() => user.explain(255, 0x1ff))).toBe("ERR_OUT_OF_RANGE");
  });
});

/** A device of any bytes with a type 0 header, and writes of a user. */
const hostile = fc.record({
  bytes: fc.constantFrom(64, 66, 256, 258, 4096).chain((size) =>
    fc.tuple(fc.uint8Array({ minLength: size, maxLength: size }), fc.boolean()).map(([bytes, sane]) => {
      const made = Uint8Array.from(bytes);
      made[0x0e] = 0;
      if (sane) made.set([0x10, 0x00], 0x06);
      if (sane) made[0x34] = 0x40;
      if (sane && size >= 256) made.set([[1, 5, 16, 17, 3, 9][made[0x41]! % 6]!, 0x60], 0x40);
      return made;
    }),
  ),
  writes: fc.array(
    fc.record({ at: fc.nat(4095), width: fc.constantFrom(8, 16, 32), value: fc.nat(0xffff_ffff) }),
    { maxLength: 40 },
  ),
});

type Write = { at: number; width: number; value: number };
const placed = ({ at, width }: Write, size: number): number => {
  const bytes = width / 8;
  return Math.floor((at % (size - bytes + 1)) / bytes) * bytes;
};

function doWrite(user: VirtualConfigSpace, write: Write): void {
  user[`write${write.width as 8 | 16 | 32}`](placed(write, user.size), write.value);
}

describe.each(profiles)("any bytes under profile $name", (profile) => {
  it("never throw anything but errors of ours, however they are read, written and explained", () => {
    fc.assert(
      fc.property(hostile, ({ bytes, writes }) => {
        try {
          const { user } = over(profile, bytes);
          for (const write of writes) doWrite(user, write);
          for (let at = 0; at < user.size; at++) user.read8(at);
          for (let at = 0; at + 4 <= user.size; at += 4) user.explain(at, 0xffff_ffff);
        } catch (error) {
          if (!isPciError(error)) throw error;
        }
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it("take a write of a power state where the first of two capabilities is cut off", () => {
    const bytes = new Uint8Array(128);
    for (const [at, value] of [
      [0x06, 0x10],
      [0x34, 0x7c],
      [0x7c, 0x01],
      [0x7d, 0x40],
      [0x40, 0x01],
    ] as const)
      bytes[at] = value;
    const { user } = over(profile, bytes);
    expect(() => user.write16(0x44, 3)).not.toThrow();
  });

  it("take a write to vital product data that the end of the space cuts off", () => {
    const bytes = new Uint8Array(256);
    for (const [at, value] of [
      [0x06, 0x10],
      [0x34, 0xfc],
      [0xfc, 0x03],
    ] as const)
      bytes[at] = value;
    const { user } = over(profile, bytes, { provider: { readVpd: () => 1, writeVpd: () => true } });
    for (const value of [0x8000, 0]) expect(() => user.write16(0xfe, value)).not.toThrow();
  });

  it("get no write through to a bit that is virtual or not writable, but for what the provider does", () => {
    fc.assert(
      fc.property(hostile, ({ bytes, writes }) => {
        const before = bytes.slice();
        const silent = { setInterruptDisable() {}, setPowerState() {}, setMaximumReadRequest() {} };
        const { user } = over(profile, bytes, { provider: silent });
        for (const write of writes) doWrite(user, write);
        for (let at = 0; at < user.size; at++) {
          const changed = bytes[at]! ^ before[at]!;
          if (changed === 0) continue;
          for (const { reachesDevice, mediated } of user.explain(at, changed)) {
            expect(reachesDevice || mediated !== undefined || isMsiControl(user, at)).toBe(true);
          }
        }
      }),
      { numRuns: 150, endOnFailure: true },
    );
  });

  it("read back what was written where virtual and writable, and unchanged where read-only", () => {
    fc.assert(
      fc.property(hostile, fc.nat(4095), fc.integer({ min: 0, max: 255 }), ({ bytes }, place, value) => {
        const { user } = over(profile, bytes);
        const at = place % user.size;
        const before = user.read8(at);
        user.write8(at, value);
        for (const { virtual, writable, mediated, mask } of user.explain(at, 0xff)) {
          if (mediated !== undefined || isMsiControl(user, at)) continue;
          if (!writable) expect(user.read8(at) & mask).toBe(before & mask);
          else if (virtual) expect(user.read8(at) & mask).toBe(value & mask);
        }
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });
});

/** Whether two structures claim a byte; the later one then has it, and with it perhaps the pointer of the other. */
function overlap({ structures }: VirtualConfigSpace): boolean {
  const sorted = [...structures].sort((a, b) => a.offset - b.offset);
  return sorted.some(({ offset }, index) => {
    const before = sorted[index - 1];
    return before !== undefined && before.offset + before.length > offset;
  });
}

it("the lists that the kernel's profile shows a user are sound, unless capabilities overlap", () => {
  let sound = 0;
  fc.assert(
    fc.property(hostile, ({ bytes }) => {
      const { user } = over(linux, bytes);
      if (overlap(user)) return;
      sound++;
      const shown = configOf(user);
      // Without PCI Express the bytes from 256 on are no list, but registers of nobody.
      const end = user.structures.some(({ kind }) => kind === "extended") ? 4096 : 256;
      const unsound = ["cycle", "pointer-range", "pointer-bits"];
      const lists = shown.problems.filter(({ code, offset }) => unsound.includes(code) && offset < end);
      expect(lists).toEqual([]);
      const names = user.structures.filter(({ name }) => name !== "header" && name !== "hidden");
      expect([...shown.capabilities(), ...shown.extendedCapabilities()].length).toBeGreaterThanOrEqual(
        names.length,
      );
    }),
    { numRuns: 100, endOnFailure: true },
  );
  expect(sound).toBeGreaterThan(50);
});

it("the map of a virtual space tells the owner of each byte", () => {
  const { user } = captured(linux, EDU);
  const map = user.map();
  expect([map.ownerOf(0)?.name, map.ownerOf(0x40)?.name, map.ownerOf(0x4e)]).toEqual([
    "header",
    "msi",
    undefined,
  ]);
});

/** The whole control register goes to the device when MSI's low byte is written. */
function isMsiControl(user: VirtualConfigSpace, at: number): boolean {
  return user.structures.some(
    ({ name, offset }) => name === "msi" && (at === offset + 2 || at === offset + 3),
  );
}

describe("a device that is written", () => {
  it("gets one access, of the bits that may be written and no others", () => {
    const { region, log } = recordingRegion(space(256, [0x04, 0x07, 0x00, 0x10, 0xf9]));
    const user = new VirtualConfigSpace(linux, { region });
    log.length = 0;
    user.write32(0x04, 0xffff_0146);
    // Command only: status beside it would lose what is cleared by writing 1. Before it, the BARs were looked at.
    expect(log.filter((entry) => entry.startsWith("write"))).toEqual(["write16 0x4 0x146"]);
  });

  it("is read by one access of the same width, and not at all where everything is virtual", () => {
    const { region, log } = recordingRegion(space(256));
    const user = new VirtualConfigSpace(linux, { region });
    log.length = 0;
    user.read32(0x08);
    user.read16(0x2c);
    user.read32(0x10);
    user.read8(0x3c);
    expect(log).toEqual(["read32 0x8", "read16 0x2c"]);
  });

  it("keeps two registers of different owners apart when one access spans them", () => {
    const bytes = space(256, ...list(0x40), [0x40, 0x05, 0x00, 0x80, 0x00]);
    const { user, log } = (() => {
      const made = recordingRegion(bytes);
      return { user: new VirtualConfigSpace(linux, { region: made.region }), log: made.log };
    })();
    log.length = 0;
    // MSI with a 64-bit address has 14 bytes: data at 4c, then two bytes of nobody.
    user.write32(0x4c, 0x1234_5678);
    expect(log).toEqual(["write16 0x4e 0x1234"]);
    expect(user.read32(0x4c)).toBe(0x1234_5678);
  });
});
