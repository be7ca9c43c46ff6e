import { expect, it } from "vitest";
import { buildSpace } from "../builder/build.ts";
import type { CapabilityToBuild, SpaceDescription } from "../builder/description.ts";
import { bytesRegion } from "../bytes.ts";
import { check } from "../check.ts";
import { type ConfigSpace, configOf } from "../config.ts";
import { describe as describeConfig } from "../describe.ts";
import { codeOf } from "../testing/regions.ts";

const built = (capability: CapabilityToBuild, more: Partial<SpaceDescription> = {}): ConfigSpace =>
  configOf(
    bytesRegion(
      buildSpace({
        vendorId: 0x1234,
        deviceId: 0x11e8,
        capabilities: [capability],
        ...more,
      } as SpaceDescription),
    ),
  );

it.each(["agp", "agp8x"] as const)("software sets in the command of %s what its status tells", (name) => {
  const config = built({ name, registers: { status: { rates: 7, requestQueue: 31 } } });
  const { command } = config.find(name)!;
  command.update({ rates: 4, sidebandAddressing: true, requestQueue: 31, enable: true });
  expect(config.region.read32(0x48)).toBe(0x1f00_0304);
  expect(command.read()).toMatchObject({ rates: 4, fastWrites: false, calibrationCycle: 0 });
});

const bridge = { layout: "bridge" } as const;

it("the clock behind a PCI-X bridge is told by four bits, and what it is capable of has no reserved bits", () => {
  const capability = {
    name: "pcix",
    registers: {
      secondaryStatus: { frequency: 11, capable266MHz: true, capable533MHz: true },
      bridgeStatus: { deviceIdMessages: true, capable266MHz: true, capable533MHz: true },
    },
  } as const;
  const config = built(capability, bridge);
  expect(config.region.read16(0x42)).toBe(0xc2c0);
  expect(config.region.read32(0x44) >>> 29).toBe(7);
  const [described] = describeConfig(config).capabilities;
  expect(described!.registers["secondaryStatus"]!.words).toEqual({ frequency: "PCI-X 266, 133 MHz" });
  expect(check(config)).toEqual([]);
});

it("the ECC registers of PCI-X lie behind the others, of a bridge further", () => {
  const registers = { eccControl: { phase: 4, syndrome: 0x21 }, eccFirstAddress: 0x1000, eccAttributes: 7 };
  const plain = built({ name: "pcix", registers: { command: { version: 2 }, ...registers } });
  expect(plain.find("pcix")).toMatchObject({ length: 24, eccFirstAddress: 0x1000, eccAttributes: 7 });
  expect(plain.region.read32(0x48)).toBe(0x2140);
  const wide = built({ name: "pcix", registers: { secondaryStatus: { version: 1 }, ...registers } }, bridge);
  expect(wide.find("pcix")).toMatchObject({ length: 32, eccFirstAddress: 0x1000, eccSecondAddress: 0 });
  expect(wide.region.read32(0x50)).toBe(0x2140);
  const old = built({ name: "pcix" }).find("pcix")!;
  expect([old.length, old.eccControl, old.eccAttributes]).toEqual([8, undefined, undefined]);
  wide.find("pcix")!.eccControl!.update({ phase: 7 });
});

const ranges = [
  {
    format: { size: 2, bar: 2, primary: 0, secondary: 0xff, enable: true },
    base: { value: 0xfe00_0000 },
    maxOffset: { value: 0xffff_fffc & 0xffff },
  },
  {
    format: { size: 4, bar: 8, primary: 1, secondary: 0xfd },
    base: { wide: true, value: 0x1000_0000 },
    maxOffset: { wide: true, value: 0xfffc },
    baseHi: 0x40,
    maxOffsetHi: 1,
  },
  {
    format: { size: 3, bar: 9, primary: 4, secondary: 0xfe },
    base: { value: 0x1000 },
    maxOffset: { wide: true, value: 0xfffc },
    maxOffsetHi: 3,
  },
] as const;

it("enhanced allocation has a range for each entry, with the halves that it has", () => {
  const config = built({ name: "enhancedAllocation", lists: { ranges } });
  const capability = config.find("enhancedAllocation")!;
  expect(capability.entries.count).toBe(3);
  expect(capability.length).toBe(4 + 12 + 20 + 16);
  expect(capability.ranges.map(({ baseHi, maxOffsetHi }) => [baseHi, maxOffsetHi])).toEqual([
    [undefined, undefined],
    [0x40, 1],
    [undefined, 3],
  ]);
  const [bar2, rom, vfBar] = describeConfig(config).capabilities[0]!.lists.ranges!;
  expect(bar2!.format!.words).toEqual({
    bar: "BAR 2",
    primary: "memory",
    secondary: "unavailable for use",
  });
  expect(rom!.format!.words).toMatchObject({
    bar: "expansion ROM",
    secondary: "memory unavailable for use",
  });
  expect(vfBar!.format!.words).toMatchObject({ bar: "VF BAR 0" });
  expect(rom!.baseHi!.raw).toBe(0x40);
  expect(check(config)).toEqual([]);
});

it("enhanced allocation of a bridge keeps its bus numbers before its ranges", () => {
  const registers = { buses: { secondary: 3, subordinate: 9 } };
  const config = built({ name: "enhancedAllocation", registers, lists: { ranges: [ranges[0]] } }, bridge);
  const capability = config.find("enhancedAllocation")!;
  expect(capability.buses!.read()).toEqual({ secondary: 3, subordinate: 9 });
  expect([capability.length, capability.ranges[0]!.base.value]).toEqual([20, 0xfe00_0000]);
});

it("a range without the dwords that its registers need is refused, and has none when it is read", () => {
  const short = [{ format: { size: 0 }, base: { value: 4 } }];
  expect(codeOf(() => built({ name: "enhancedAllocation", lists: { ranges: short } }))).toBe(
    "ERR_INVALID_ARGUMENT",
  );
  const read = built({ name: "enhancedAllocation", lists: { ranges: [{ format: { size: 1 } }] } });
  const [range] = read.find("enhancedAllocation")!.ranges;
  expect(range!.base.value).toBe(0);
  expect(codeOf(() => range!.maxOffset)).toBe("ERR_CAPABILITY");
});

it("hot swap clears its events one by one", () => {
  const config = built({
    name: "hotSwap",
    registers: { control: { insertion: true, extraction: true, led: true } },
  });
  config.find("hotSwap")!.control.update({ led: false });
  expect(config.region.read8(0x42)).toBe(0);
  expect(config.find("hotPlug")).toBeUndefined();
});

it("the hot-plug controller has its window", () => {
  const config = built({ name: "hotPlug", registers: { dwordSelect: 5, dwordData: 0x1234_5678 } });
  expect(config.find("hotPlug")).toMatchObject({ dwordSelect: 5, dwordData: 0x1234_5678, length: 8 });
});

it("SATA's index and data may lie in the capability", () => {
  const inside = built({ name: "sata", registers: { location: { bar: 15 }, index: 4, data: 9 } }).find(
    "sata",
  )!;
  expect(inside).toMatchObject({ length: 16, index: 4, data: 9 });
  const config = built({ name: "sata", registers: { location: { bar: 8, offset: 4 } } });
  expect(config.find("sata")).toMatchObject({ length: 8, index: undefined });
  const { registers } = describeConfig(config).capabilities[0]!;
  expect(registers["location"]!.words).toEqual({ bar: "BAR 4" });
});

it("an AMD IOMMU has its block, with a second miscellaneous register if it says so", () => {
  const registers = { header: { type: 3, extended: true }, range: { bus: 3 }, miscellaneous1: 2 } as const;
  const iommu = built({ name: "secureDevice", registers }).find("secureDevice")!;
  expect([iommu.length, iommu.range!.bus, iommu.miscellaneous1!.guestMessage]).toEqual([24, 3, 2]);
  const short = built({ name: "secureDevice", registers: { header: { type: 3 } } }).find("secureDevice")!;
  expect([short.length, short.miscellaneous1]).toEqual([20, undefined]);
  const other = built({ name: "secureDevice", registers: { header: { type: 1 } } }).find("secureDevice")!;
  expect([other.length, other.range]).toEqual([4, undefined]);
});

it("a flattening portal bridge has its vectors' places and sizes", () => {
  const config = built({
    name: "flatteningPortal",
    registers: {
      capabilities: { rid: true, ridSize: 5, memoryHighSize: 5 },
      ridControl: { enable: true, granularity: 3, start: 0x20 },
      ridSecondary: { start: 0x108 },
      memoryHighControl: { granularity: 7, start: 0x1000_0000 },
      memoryHighStart: 0x40,
      access: { vector: 2, offset: 9 },
    },
  });
  const { registers, length } = describeConfig(config).capabilities[0]!;
  expect(length).toBe(36);
  expect(registers["capabilities"]!.words).toMatchObject({ ridSize: "8192", memoryHighSize: "8192" });
  expect(registers["ridControl"]).toMatchObject({ raw: 0x0100_0031, words: { granularity: "64" } });
  expect(registers["ridSecondary"]!.raw).toBe(0x108);
  expect(registers["memoryHighControl"]!.words).toEqual({ granularity: "32 GiB" });
  expect(registers["access"]!.raw).toBe(0x8009);
  expect(check(config)).toEqual([]);
});
