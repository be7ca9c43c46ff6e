import { expect, it } from "vitest";
import { buildSpace } from "../builder/build.ts";
import { bytesRegion } from "../bytes.ts";
import { check } from "../check.ts";
import { configOf } from "../config.ts";

const DOWNSTREAM_PORT = 6;

it("names what PCI Express 5.0 and later say of a port, so that none of it passes for reserved", () => {
  const config = configOf(
    bytesRegion(
      buildSpace({
        vendorId: 0x1234,
        deviceId: 0x5678,
        rom: { size: 2048, enable: true },
        header: { rom: { validation: 3, validationDetails: 0xf } },
        capabilities: [
          {
            name: "pcie",
            registers: {
              capabilities: { version: 2, portType: DOWNSTREAM_PORT, slotImplemented: true },
              deviceCapabilities: { fixedReceivePayload: true, mixedPayloads: true },
              deviceCapabilities2: { deferrableWriteCompleter: true, deferrableWriteLengths: 1 },
              linkControl: { delayAdaptationB: true, srisClocking: true },
              slotCapabilities2: { inBandPresenceDisable: true },
            },
          },
        ],
        extendedCapabilities: [{ name: "aer", registers: { control: { headerLogSize: 14 } } }],
      }),
    ),
  );
  expect(check(config)).toEqual([]);
  const pcie = config.find("pcie")!;
  expect(pcie.deviceCapabilities.raw).toBe(0x2002_0000);
  expect(pcie.deviceCapabilities2!.raw).toBe(0x3000_0000);
  expect(pcie.linkControl!.raw).toBe(0x1004);
  expect(config.region.read8(pcie.offset + 0x34)).toBe(1);
  expect([pcie.slotControl2!.raw, pcie.slotStatus2!.raw]).toEqual([0, 0]);
  expect(config.findExtended("aer")!.control.headerLogSize).toBe(14);
  expect(config.endpoint!.rom.raw).toBe(0xf7);
});

it("has the second slot registers in version 2 only, and only for a slot", () => {
  const slotOf = (version: number, slotImplemented: boolean) =>
    configOf(
      bytesRegion(
        buildSpace({
          vendorId: 0x1234,
          deviceId: 0x5678,
          capabilities: [
            {
              name: "pcie",
              registers: { capabilities: { version, portType: DOWNSTREAM_PORT, slotImplemented } },
            },
          ],
        }),
      ),
    ).find("pcie")!.slotCapabilities2;
  expect(slotOf(1, true)).toBeUndefined();
  expect(slotOf(2, false)).toBeUndefined();
  expect(slotOf(2, true)!.inBandPresenceDisable).toBe(false);
});

it("can leave root ports without a way for non-flit messages", () => {
  const config = configOf(
    bytesRegion(
      buildSpace({
        vendorId: 0x1234,
        deviceId: 0x5678,
        capabilities: [
          {
            name: "pcie",
            registers: { capabilities: { version: 2, portType: 4 }, rootControl: { noNfmSubtree: true } },
          },
        ],
      }),
    ),
  );
  expect(config.find("pcie")!.rootControl!.raw).toBe(0x20);
  expect(check(config)).toEqual([]);
});
