import { describe, expect, it } from "vitest";
import { bytesRegion } from "./bytes.ts";
import { check } from "./check.ts";
import { configOf } from "./config.ts";
import { describe as describeConfig } from "./describe.ts";
import { diff } from "./diff.ts";
import { fromJSON, toJSON } from "./json.ts";
import { codeOf, space } from "./testing/regions.ts";

/** A CardBus bridge: buses 0, 5 and 8, a memory window, a reset card, a subsystem, power management at 0x80. */
const bridge = (...parts: Parameters<typeof space>[1][]) =>
  space(
    256,
    [0x00, 0x4c, 0x10, 0x56, 0xac],
    [0x06, 0x10],
    [0x0a, 0x07, 0x06],
    [0x0e, 0x02],
    [0x10, 0x00, 0x00, 0x10, 0xfe],
    [0x14, 0x80],
    [0x18, 0, 5, 8, 0xb0],
    [0x1c, 0x00, 0x00, 0x00, 0xf8],
    [0x20, 0x00, 0xf0, 0xff, 0xfb],
    [0x3e, 0x40, 0x01],
    [0x40, 0x28, 0x10, 0x34, 0x12, 0xe1, 0x03],
    [0x80, 0x01, 0],
    ...parts,
  );
const configIn = (bytes: Uint8Array) => configOf(bytesRegion(bytes));

describe("a CardBus bridge", () => {
  it("has its registers, and no other header's", () => {
    const config = configIn(bridge());
    expect([config.layout, config.endpoint, config.bridge]).toEqual(["cardbus", undefined, undefined]);
    expect(config.cardbus).toMatchObject({
      primaryBus: 0,
      cardbusBus: 5,
      subordinateBus: 8,
      memoryBase0: 0xf800_0000,
      memoryLimit0: 0xfbff_f000,
      subsystemVendorId: 0x1028,
      subsystemId: 0x1234,
      legacyBase: 0x3e1,
    });
    expect(config.cardbus!.bridgeControl).toMatchObject({ cardbusReset: true, prefetch0: true });
    expect(config.find("pm")?.offset).toBe(0x80);
  });

  it("can be written", () => {
    const bytes = bridge();
    const { cardbus } = configIn(bytes);
    cardbus!.bridgeControl.update({ cardbusReset: false });
    cardbus!.legacyBase = 0;
    expect([bytes[0x3e], bytes[0x3f], bytes[0x44]]).toEqual([0, 1, 0]);
  });

  it("is described with the ids behind its first 64 bytes, and JSON gives them back", () => {
    const config = configIn(bridge());
    const description = describeConfig(config);
    expect(description).toMatchObject({
      subsystemVendorId: 0x1028,
      subsystemId: 0x1234,
      header: { layout: "cardbus", registers: { cardbusBus: { offset: 0x19, raw: 5 } } },
      bars: [{ index: 0, kind: "memory32", address: "0xfe100000" }],
      problems: [],
    });
    expect(description.header.bytes).toHaveLength(2 * 72);
    expect(fromJSON(description).cardbus?.subsystemId).toBe(0x1234);
    expect(fromJSON(JSON.stringify(toJSON(config))).cardbus?.legacyBase).toBe(0x3e1);
    expect(config.map().ownerOf(0x47)?.name).toBe("header");
    expect(config.map().ownerOf(0x48)).toBeUndefined();
  });

  it("of which an ordinary user reads 64 bytes says no subsystem", () => {
    const config = configIn(bridge().slice(0, 64));
    const description = describeConfig(config);
    expect(description.header.registers["legacyBase"]).toBeUndefined();
    expect(description.subsystemVendorId).toBeUndefined();
    expect(description.header.bytes).toHaveLength(2 * 64);
    expect(codeOf(() => config.cardbus!.subsystemId)).toBe("ERR_CAPABILITY");
  });

  it("is compared and checked by field", () => {
    const after = bridge([0x19, 6], [0x40, 0x29], [0x3e, 0x50, 0x01]);
    const changes = diff(configIn(bridge()), configIn(after)).map((change) =>
      change.kind === "field" ? [change.register, change.before, change.after] : change.kind,
    );
    expect(changes).toEqual([
      ["cardbusBus", 5, 6],
      ["bridgeControl", 0x140, 0x150],
      ["subsystemVendorId", 0x1028, 0x1029],
    ]);
    expect(check(configIn(bridge()))).toEqual([]);
    expect(check(configIn(after)).map(({ code, offset }) => [code, offset])).toEqual([
      ["reserved-bits", 0x3e],
    ]);
  });

  it("claims a capability's bytes where the pointer leads into its header", () => {
    const found = check(configIn(bridge([0x14, 0x44], [0x44, 0x01, 0])));
    expect(found.map(({ code }) => code)).toContain("overlap");
  });
});

it("a header of no known type is other", () => {
  const config = configIn(space(256, [0x0e, 0x03]));
  expect(config.layout).toBeUndefined();
  expect(describeConfig(config).header.layout).toBe("other");
});
