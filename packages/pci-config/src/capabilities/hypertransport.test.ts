import { describe, expect, it } from "vitest";
import { buildSpace } from "../builder/build.ts";
import type { CapabilityToBuild } from "../builder/description.ts";
import { bytesRegion } from "../bytes.ts";
import { check } from "../check.ts";
import { configOf } from "../config.ts";
import { describe as describeConfig } from "../describe.ts";
import { list, recordingRegion, space } from "../testing/regions.ts";

const build = (...capabilities: CapabilityToBuild[]) =>
  configOf(bytesRegion(buildSpace({ vendorId: 0x1022, deviceId: 1, capabilities })));
/** A function with a HyperTransport capability of a command, at 0x40. */
const withCommand = (command: number, ...more: number[]) =>
  configOf(bytesRegion(space(256, ...list(0x40), [0x40, 0x08, 0, command & 0xff, command >>> 8, ...more])));
const block = (command: number) => withCommand(command).find("hyperTransport")!;

describe("the type of HyperTransport", () => {
  it.each([
    ["slave or primary", 0x0000, 28],
    ["host or secondary", 0x2000, 24],
    ["switch", 0x4000, 24],
    ["interrupt discovery", 0x8000, 8],
    ["revision block", 0x8825, 4],
    ["unit id clumping", 0x9000, 12],
    ["extended configuration", 0x9800, 12],
    ["address mapping", 0xa003, 36],
    ["address mapping", 0xa203, 16],
    ["msi mapping", 0xa801, 12],
    ["msi mapping", 0xa803, 4],
    ["direct route", 0xb000, 12],
    ["vc set", 0xb800, 16],
    ["retry mode", 0xc000, 12],
    ["x86 encoding", 0xc800, 4],
    ["gen3", 0xd000, 40],
    ["function extension", 0xd803, 16],
    ["power management", 0xe000, 8],
    [undefined, 0xf800, 4],
  ])("%s: command %i, %i bytes", (word, command, length) => {
    const config = withCommand(command);
    const [described] = describeConfig(config).capabilities;
    const words = Object.values(described!.registers).map((register) => register.words?.["type"]);
    expect(words.filter((found) => found !== undefined)).toEqual(word === undefined ? [] : [word]);
    expect(described!.length).toBe(length);
    expect(check(config)).toEqual([]);
  });

  it("lets a sound list be sound: a fixed MSI mapping with MSI behind it", () => {
    const bytes = space(256, ...list(0x40), [0x40, 0x08, 0x44, 0x03, 0xa8, 0x05, 0]);
    expect(check(configOf(bytesRegion(bytes)))).toEqual([]);
  });
});

it("an MSI mapping that can be moved has its address", () => {
  const mapping = withCommand(0xa801, 0, 0, 0xe0, 0xfe, 1).find("hyperTransport")!;
  expect(mapping.msiAddressLo!.address).toBe(0xfee0_0000);
  expect(mapping.msiAddressHi).toBe(1);
  expect(block(0xa803).msiAddressLo).toBeUndefined();
});

it("a link has words for its frequency, and every frequency that it is capable of", () => {
  const config = build({
    name: "hyperTransport",
    registers: { frequency0: { frequency: 14 }, frequencies0: { mhz1800: true, mhz2600: true } },
  });
  expect(config.region.read16(0x4e)).toBe(0x4400);
  const { registers } = describeConfig(config).capabilities[0]!;
  expect(registers["frequency0"]!.words).toEqual({ frequency: "2.6 GHz" });
  expect(check(config)).toEqual([]);
});

describe("building HyperTransport", () => {
  it("sets the type by the register of the command", () => {
    const config = build(
      { name: "hyperTransport", registers: { msiMapping: { enable: true, fixed: true } } },
      { name: "hyperTransport", registers: { hostCommand: { device: 3 } } },
      { name: "hyperTransport", registers: { retryMode: {}, retryControl0: { enable: true } } },
      { name: "hyperTransport", registers: { msiMapping: {}, msiAddressLo: { address: 0xfee0_0000 } } },
    );
    expect(config.capabilities().map(({ length }) => length)).toEqual([4, 24, 12, 12]);
    expect([config.region.read16(0x42), config.region.read16(0x46)]).toEqual([0xa803, 0x200c]);
    expect(check(config)).toEqual([]);
  });

  it("counts windows of address mapping", () => {
    const windows = [{ primaryBase: { base: 1, enable: true } }, { secondaryBase: 7 }];
    const config = build({
      name: "hyperTransport",
      registers: { addressMapping: {} },
      lists: { dmaWindows: windows },
    });
    const mapping = config.find("hyperTransport")!;
    expect([mapping.length, mapping.addressMapping!.dmaMappings]).toEqual([28, 2]);
    expect(mapping.dmaWindows.map(({ secondaryBase }) => secondaryBase)).toEqual([0, 7]);
  });

  it("refuses two types in one", () => {
    expect(() => build({ name: "hyperTransport", registers: { msiMapping: {}, vcSet: {} } })).toThrow(
      /no register \w+ without/,
    );
  });
});

it("the window on another configuration space is read by who asks for it only", () => {
  const bytes = space(256, ...list(0x40), [0x40, 0x08, 0, 0, 0x98, 4, 0, 0, 0, 1, 2, 3, 4]);
  const { region, log } = recordingRegion(bytes);
  const config = configOf(region);
  const [described] = describeConfig(config).capabilities;
  expect(described!.bytes).toBe("080000980400000000000000");
  expect(log).not.toContain("read32 0x48");
  expect(config.find("hyperTransport")!.configurationData).toBe(0x0403_0201);
  expect(block(0).linkControl1?.raw).toBe(0);
});
