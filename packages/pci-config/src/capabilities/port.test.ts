import { describe, expect, it } from "vitest";
import type { ExtendedCapabilityToBuild } from "../builder/index.ts";
import { expressFunction } from "../testing/express-function.ts";

const decode = (...capabilities: ExtendedCapabilityToBuild[]) =>
  expressFunction({ capabilities: { version: 2, portType: 6 } }, ...capabilities);

describe("extended capabilities of a port that lspci only names", () => {
  it("tells of protocols beside PCI Express", () => {
    const multiplexing = decode({
      name: "protocolMultiplexing",
      registers: { capabilities: { protocols: 2 }, control: { channel1: 2 }, status: { width3: true } },
      lists: { protocols: [{}, { protocol: { protocolId: 0x1234, authorityId: 0x8086 } }] },
    }).findExtended("protocolMultiplexing")!;
    expect([multiplexing.length, multiplexing.control.raw, multiplexing.status.raw]).toEqual([
      0x18, 0x200, 0x0200_0000,
    ]);
    expect(multiplexing.protocols[1]!.protocol.raw).toBe(0x8086_1234);
  });

  it("shows the lights of an enclosure, and commands them without losing its own bits", () => {
    const management = decode({
      name: "enclosureManagement",
      registers: { capabilities: { capable: true, locate: true }, control: { enable: true, specific: 0x5a } },
    }).findExtended("enclosureManagement")!;
    expect(management.capabilities.raw).toBe(9);
    management.control.update({ locate: true });
    expect(management.control.raw).toBe(0x5a00_0009);
  });

  it("clears what was signalled to firmware one by one", () => {
    const firmware = decode({
      name: "systemFirmware",
      registers: { status: { outOfBandPresenceChanged: true, drsReceived: true, presence: true } },
    }).findExtended("systemFirmware")!;
    firmware.status.update({ drsReceived: true });
    // The region is plain memory: of the bits to be cleared it shows the ones that were written.
    expect(firmware.status.raw).toBe(0x21);
  });

  it("has as many shadow functions as it says", () => {
    const shadows = decode({
      name: "shadowFunctions",
      registers: { capabilities: { functions: 2 } },
      lists: { functions: [{ instance: { distance: 1 } }, { instance: { distance: 8 } }] },
    }).findExtended("shadowFunctions")!;
    expect(shadows.functions.map(({ instance }) => instance.distance)).toEqual([1, 8, 0]);
  });

  it("has times, hierarchy and messages of functions that became ready", () => {
    const config = decode(
      { name: "readinessTime", registers: { times1: { reset: 0xa1e, valid: true } } },
      { name: "hierarchyId", registers: { data: { authority: 2, hierarchyId: 0x8001 }, guid5: 7 } },
      { name: "frsQueueing", registers: { queue: { functionId: 0x0100, reason: 3, depth: 1 } } },
      { name: "dataLinkFeature", registers: { status: { scaledFlowControl: true, valid: true } } },
    );
    expect(config.findExtended("readinessTime")!.times1.raw).toBe(0x8000_0a1e);
    expect(config.findExtended("hierarchyId")!.data.raw).toBe(0x8001_0002);
    expect(config.findExtended("hierarchyId")!.guid5).toBe(7);
    expect(config.findExtended("frsQueueing")!.queue.raw).toBe(0x0013_0100);
    expect(config.findExtended("dataLinkFeature")!.status.raw).toBe(0x8000_0001);
    expect(config.problems).toEqual([]);
  });
});
