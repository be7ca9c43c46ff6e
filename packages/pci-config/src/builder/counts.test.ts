import { describe, expect, it } from "vitest";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";
import { codeOf } from "../testing/regions.ts";
import { buildSpace } from "./build.ts";
import type { ExtendedCapabilityToBuild } from "./description.ts";

const build = (...extendedCapabilities: ExtendedCapabilityToBuild[]) =>
  buildSpace({ vendorId: 0x1234, deviceId: 0x5678, capabilities: [{ name: "pcie" }], extendedCapabilities });
const decode = (...given: ExtendedCapabilityToBuild[]) => configOf(bytesRegion(build(...given)));

describe("a list that is given", () => {
  it("is counted where its capability tells the number", () => {
    const config = decode(
      { name: "rootLinkDeclaration", lists: { links: [{ addressLo: 1 }, { addressLo: 2 }] } },
      { name: "virtualChannel", lists: { channels: [{}, { control: { channelId: 1 } }] } },
      { name: "streamlinedVirtualChannel", lists: { channels: [{}, {}, { control: { enable: true } }] } },
      { name: "shadowFunctions", lists: { functions: [{}, { instance: { distance: 8 } }] } },
      { name: "protocolMultiplexing", lists: { protocols: [{ protocol: { protocolId: 7 } }] } },
      { name: "flitPerformance", lists: { trackers: [{}, { status: { tracked: 3 } }] } },
      { name: "dynamicPower", lists: { allocations: [{ power: 9 }, { power: 8 }, { power: 7 }] } },
      {
        name: "processingHints",
        registers: { capabilities: { tableLocation: 1 } },
        lists: { tags: [{ tag: 1 }, { tag: 2 }] },
      },
    );
    const links = config.findExtended("rootLinkDeclaration")!;
    expect([links.self.links, links.length, links.links.map(({ addressLo }) => addressLo)]).toEqual([
      2,
      0x30,
      [1, 2],
    ]);
    const channels = config.findExtended("virtualChannel")!;
    expect([channels.capabilities1.extendedChannels, channels.channels[1]!.control.channelId]).toEqual([
      1, 1,
    ]);
    expect(config.findExtended("streamlinedVirtualChannel")!.channels[2]!.control.enable).toBe(true);
    expect(config.findExtended("shadowFunctions")!.functions[1]!.instance.distance).toBe(8);
    expect(config.findExtended("protocolMultiplexing")!.protocols[0]!.protocol.protocolId).toBe(7);
    expect(config.findExtended("flitPerformance")!.trackers[1]!.status.tracked).toBe(3);
    expect(config.findExtended("dynamicPower")!.allocations.map(({ power }) => power)).toEqual([9, 8, 7]);
    expect(config.findExtended("processingHints")!.tags.map(({ tag }) => tag.raw)).toEqual([1, 2]);
  });

  it("is counted where its own first entry tells the number", () => {
    const bars = [{ control: { bar: 0, size: 4 } }, { control: { bar: 2, size: 5 } }];
    const found = decode({ name: "resizableBar", lists: { bars } }).findExtended("resizableBar")!;
    expect(found.bars.map(({ control }) => [control.bar, control.count, control.size])).toEqual([
      [0, 2, 4],
      [2, 0, 5],
    ]);
    expect(found.length).toBe(0x14);
    const one = decode({ name: "vfResizableBar", lists: { bars: [{ control: { bar: 3 } }] } });
    expect(one.findExtended("vfResizableBar")!.bars).toHaveLength(1);
  });

  it("decides the length where its capability tells that", () => {
    const locator = decode({
      name: "registerBlockLocator",
      lists: { locators: [{}, { low: { bar: 2, id: 1, offset: 0x1_0000 } }] },
    }).findExtended("registerBlockLocator")!;
    expect([locator.length, locator.locators[1]!.low.bar]).toEqual([0x18, 2]);
    expect(decode({ name: "registerBlockLocator" }).findExtended("registerBlockLocator")!.length).toBe(8);
    const blocks = decode({
      name: "dvsec",
      registers: { header1: { vendorId: 0x1e98 }, dvsecId: 8 },
      lists: { blocks: [{ low: { bar: 0, id: 1 } }, { low: { bar: 2, id: 3 } }] },
    }).findExtended("dvsec")!;
    expect([blocks.length, blocks.blocks.map(({ low }) => low.id)]).toEqual([0x1c, [1, 3]]);
  });

  it("is not counted over a number that was given", () => {
    const functions = [{ instance: { distance: 1 } }];
    const more = decode({
      name: "shadowFunctions",
      registers: { capabilities: { functions: 2 } },
      lists: { functions },
    });
    expect(more.findExtended("shadowFunctions")!.functions).toHaveLength(3);
    const registers = { self: { links: 1 } };
    expect(codeOf(() => build({ name: "rootLinkDeclaration", registers, lists: { links: [{}, {}] } }))).toBe(
      "ERR_INVALID_ARGUMENT",
    );
  });

  it("is refused where it has more entries than can be told", () => {
    const channels = Array.from({ length: 9 }, () => ({}));
    expect(() => build({ name: "virtualChannel", lists: { channels } })).toThrow(
      /channels of virtualChannel/,
    );
  });
});

describe("a DVSEC of CXL", () => {
  const dvsec = (revision: number, given: object) =>
    decode({
      name: "dvsec",
      registers: { header1: { vendorId: 0x1e98, revision }, dvsecId: 0, ...given },
    }).findExtended("dvsec")!;

  it("is as long as the registers of its id and revision, which need not be said", () => {
    const first = dvsec(1, { deviceCapability: { memory: true } });
    expect([first.length, first.header1.length, first.deviceCapability!.memory]).toEqual([0x38, 0x38, true]);
    expect(first.ranges).toHaveLength(2);
    expect(dvsec(2, {}).length).toBe(0x3c);
  });

  it("keeps what its lists hold", () => {
    const found = decode({
      name: "dvsec",
      length: 0x20,
      registers: { header1: { vendorId: 0x1e98 }, dvsecId: 0 },
      lists: { ranges: [{}, { sizeHigh: 1, baseLow: { base: 0x1000_0000 } }] },
    }).findExtended("dvsec")!;
    expect([found.length, found.ranges[1]!.baseLow.base]).toEqual([0x38, 0x1000_0000]);
  });
});
