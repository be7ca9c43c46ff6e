import { expect, it } from "vitest";
import { describe } from "../describe.ts";
import { withExtended } from "../testing/extended-space.ts";

it("tells how many virtual functions there are, and where", () => {
  const config = withExtended("sriov", [
    0x0060_0006,
    0x0000_0019,
    0x0008_0008,
    0x0003_0002,
    0x0002_0080,
    0x10ca_0000,
    0x0000_0553,
    0x0000_0001,
    ...[0xfe00_0004, 0x0000_0012, 0, 0xfe40_0004, 0, 0],
    0x0000_1003,
  ]);
  const sriov = config.findExtended("sriov")!;
  expect(sriov.capabilities.read()).toEqual({
    migration: false,
    ariPreserved: true,
    tag10Requester: true,
    tag14Requester: false,
    migrationMessage: 3,
  });
  expect(sriov.control).toMatchObject({ enable: true, memorySpace: true, ariHierarchy: true });
  const { initialVfs, totalVfs, numVfs, dependencyLink, firstVfOffset, vfStride, vfDeviceId } = sriov;
  expect([initialVfs, totalVfs, numVfs, dependencyLink]).toEqual([8, 8, 2, 3]);
  expect([firstVfOffset, vfStride, vfDeviceId]).toEqual([0x80, 2, 0x10ca]);
  expect([sriov.bar0, sriov.bar1, sriov.bar3]).toEqual([0xfe00_0004, 0x12, 0xfe40_0004]);
  expect(sriov.migrationStates).toMatchObject({ bar: 3, offset: 0x1000 });
});

it("is whole in a description", () => {
  const [capability] = describe(withExtended("sriov", [0, 1])).extendedCapabilities;
  expect(capability).toMatchObject({ name: "sriov", length: 0x40 });
  expect(capability!.registers["control"]).toMatchObject({ offset: 0x108, raw: 1, fields: { enable: true } });
  expect(Object.keys(capability!.registers)).toHaveLength(19);
  expect(capability!.registers["migrationStates"]).toMatchObject({ offset: 0x13c });
});
