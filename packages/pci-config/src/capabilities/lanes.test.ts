import { describe, expect, it } from "vitest";
import { buildSpace } from "../builder/build.ts";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";
import { describe as describeConfig } from "../describe.ts";
import { expressBytes, type PcieRegisters } from "../testing/express-function.ts";

const link = (maximumWidth: number): PcieRegisters => ({
  capabilities: { version: 2 },
  linkCapabilities: { maximumWidth },
});

/** A port with all capabilities that have something for each lane. */
function port(width: number) {
  return expressBytes(
    link(width),
    { name: "secondaryPcie" },
    { name: "physicalLayer16" },
    { name: "physicalLayer32" },
    { name: "physicalLayer64" },
    { name: "laneMargining" },
  );
}

describe("registers of lanes", () => {
  it.each([
    [1, [0x10, 0x24, 0x24, 0x14, 0x0c]],
    [4, [0x14, 0x24, 0x24, 0x14, 0x18]],
    [16, [0x2c, 0x30, 0x30, 0x20, 0x48]],
    [32, [0x4c, 0x40, 0x40, 0x30, 0x88]],
    // Widths that no link can have.
    [0, [0x2c, 0x30, 0x30, 0x20, 0x48]],
    [63, [0x2c, 0x30, 0x30, 0x20, 0x48]],
  ])("are as many as the link of %i lanes has", (width, lengths) => {
    const config = configOf(bytesRegion(port(width)));
    const lanes = width === 0 || width === 63 ? 16 : width;
    expect(config.extendedCapabilities().map(({ length }) => length)).toEqual(lengths);
    expect(config.findExtended("secondaryPcie")!.lanes).toHaveLength(lanes);
    expect(config.findExtended("physicalLayer16")!.lanes).toHaveLength(lanes);
    expect(config.findExtended("laneMargining")!.lanes).toHaveLength(lanes);
    expect(config.problems).toEqual([]);
  });

  it("are 16 where no PCI Express capability tells", () => {
    const bytes = buildSpace({
      vendorId: 0x1234,
      deviceId: 0x5678,
      size: 4096,
      capabilities: [{ name: "pcix" }],
      extendedCapabilities: [{ name: "secondaryPcie" }],
    });
    expect(configOf(bytesRegion(bytes)).findExtended("secondaryPcie")!.lanes).toHaveLength(16);
  });

  it("are written and read by lane", () => {
    const bytes = expressBytes(
      link(4),
      {
        name: "laneMargining",
        registers: { status: { ready: true } },
        lists: { lanes: [{}, {}, { control: { receiver: 3, type: 7, payload: 0x9c } }] },
      },
      { name: "physicalLayer16", lists: { lanes: [{ equalization: { downstreamPreset: 5 } }] } },
    );
    const config = configOf(bytesRegion(bytes));
    const { lanes, status } = config.findExtended("laneMargining")!;
    expect(status.ready).toBe(true);
    expect(lanes[2]!.control.read()).toEqual({ receiver: 3, type: 7, usageModel: 0, payload: 0x9c });
    expect(bytes.slice(0x110, 0x112)).toEqual(Uint8Array.of(0x3b, 0x9c));
    lanes[1]!.control.update({ type: 2 });
    expect(config.findExtended("laneMargining")!.lanes[1]!.control.type).toBe(2);
    expect(config.findExtended("physicalLayer16")!.lanes[0]!.equalization.downstreamPreset).toBe(5);
  });

  it("have their place in a description", () => {
    const { extendedCapabilities } = describeConfig(configOf(bytesRegion(port(2))));
    const { registers, lists } = extendedCapabilities.find(({ name }) => name === "secondaryPcie")!;
    expect(Object.keys(registers)).toEqual(["linkControl3", "laneErrors"]);
    expect(lists.lanes!.map(({ equalization }) => equalization!.offset)).toEqual([0x10c, 0x10e]);
  });

  it("of a space that ends too soon are those that are there", () => {
    const config = configOf(bytesRegion(port(8).slice(0, 0x112)));
    expect(config.findExtended("secondaryPcie")!.lanes).toHaveLength(2);
  });
});
