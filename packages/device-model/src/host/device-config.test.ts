import { bytesRegion, configOf } from "@userpci/pci-config";
import { buildSpace } from "@userpci/pci-config/builder";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf, hosted, peek, poke } from "../testing/hosting.ts";
import { worker, workerConfig } from "../testing/models.ts";
import { DeviceConfig } from "./device-config.ts";

const BARS = [{ kind: "memory64", size: 0x4000 }] as const;
const initial = buildSpace({ ...workerConfig, bars: BARS });
const place = (name: "pcie" | "pm" | "msi"): number => configOf(bytesRegion(initial)).find(name)!.offset;
const aer = configOf(bytesRegion(initial)).findExtended("aer")!.offset;

describe("a write of software to the device's own config space", () => {
  it("changes nothing but what the access kinds of the tables allow", () => {
    const config = new DeviceConfig(initial);
    for (let at = 0; at < config.size; at += 4) config.write32(at, 0xffff_ffff);
    const { own } = config;
    expect([own.vendorId, own.deviceId, own.classCode]).toEqual([0x1234, 0xabcd, 0xff0000]);
    expect(own.command.raw).toBe(0x07ff);
    expect(own.status.raw).toBe(own.status.raw & 0x0010);
    expect(own.endpoint!.bar0).toBe(0x4);
    expect(own.find("msi")!.control.raw).toBe(0x05f5);
    expect(own.find("pcie")!.deviceControl.functionLevelReset).toBe(false);
    expect(own.find("pm")!.capabilities.version).toBe(3);
    expect(own.problems.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("clears status bits by ones, and leaves them by zeros", () => {
    const config = new DeviceConfig(initial);
    const status = aer + 0x04;
    config.own.region.write32(status, 0x5000);
    config.write32(status, 0x1000);
    expect(config.read32(status)).toBe(0x4000);
    config.noteMasterAbort();
    config.write16(4, 7);
    expect(config.own.status.receivedMasterAbort).toBe(true);
    config.write16(6, 0x2000);
    expect(config.own.status.receivedMasterAbort).toBe(false);
  });

  it("has the same effect however it is split, and never changes what reads as fixed", () => {
    const fixed = new DeviceConfig(initial);
    for (let at = 0; at < fixed.size; at += 4) fixed.write32(at, 0);
    const zeros = fixed.save();
    for (let at = 0; at < fixed.size; at += 4) fixed.write32(at, 0xffff_ffff);
    const ones = fixed.save();
    const write = fc.record({
      at: fc.integer({ min: 0, max: 1023 }),
      value: fc.integer({ min: 0, max: 0xffff_ffff }),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 20 }), (writes) => {
        const whole = new DeviceConfig(initial);
        const split = new DeviceConfig(initial);
        for (const { at, value } of writes) {
          whole.write32(4 * at, value);
          for (let byte = 0; byte < 4; byte++) split.write8(4 * at + byte, (value >>> (8 * byte)) & 0xff);
        }
        const bytes = whole.save();
        expect(bytes.every((byte, at) => split.read8(at) === byte)).toBe(true);
        expect(bytes.every((byte, at) => ((byte ^ initial[at]!) & ~(zeros[at]! ^ ones[at]!)) === 0)).toBe(
          true,
        );
      }),
      { numRuns: 20 },
    );
  });

  it("is refused outside, misaligned and with 64 bits", () => {
    const config = new DeviceConfig(initial);
    expect(codeOf(() => config.write32(4096, 0))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => config.write16(5, 0))).toBe("ERR_MISALIGNED");
    expect(codeOf(() => config.read64(0))).toBe("ERR_NOT_SUPPORTED");
    expect(codeOf(() => config.write64(0, 0n))).toBe("ERR_NOT_SUPPORTED");
  });
});

describe("a reset", () => {
  it("keeps what software wrote, drops errors but sticky ones, and leaves D0", () => {
    const config = new DeviceConfig(initial);
    config.write16(4, 6);
    config.write16(place("pm") + 4, 3);
    config.noteMasterAbort();
    config.own.region.write32(aer + 4, 0x1000);
    config.reset();
    expect(config.own.command.raw).toBe(6);
    expect(config.powerState).toBe(0);
    expect(config.own.status.receivedMasterAbort).toBe(false);
    expect(config.read32(aer + 4)).toBe(0x1000);
  });
});

describe("config space as the user has it", () => {
  it("sizes BARs, and hides what is the host's", () => {
    using device = hosted(worker());
    const { fn } = device;
    poke(fn, 7, 0x10, 0xffff_ffff);
    poke(fn, 7, 0x14, 0xffff_ffff);
    poke(fn, 7, 0x18, 0xffff_ffff);
    poke(fn, 7, 0x30, 0xffff_ffff);
    expect([0x10, 0x14, 0x18, 0x30].map((at) => peek(fn, 7, at))).toEqual([
      0xffff_c004, 0xffff_ffff, 0xffff_fff1, 0xffff_f001,
    ]);
    expect(fn.regionInfo(7).size).toBe(4096);
  });

  it("gives the vital product data, and does not end a transfer behind it", () => {
    using device = hosted(worker());
    const { fn } = device;
    const vpd = configOf(bytesRegion(buildSpace(workerConfig))).find("vpd")!.offset;
    poke(fn, 7, vpd + 2, 4, 2);
    expect([peek(fn, 7, vpd + 2, 2), peek(fn, 7, vpd + 4)]).toEqual([0x8004, 0x78]);
    poke(fn, 7, vpd + 2, 8, 2);
    expect(peek(fn, 7, vpd + 2, 2)).toBe(8);
  });
});
