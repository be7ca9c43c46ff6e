import { describe, expect, it } from "vitest";
import { buildSpace } from "./builder/build.ts";
import type { SpaceDescription } from "./builder/description.ts";
import { bytesRegion } from "./bytes.ts";
import { configOf } from "./config.ts";
import { diff } from "./diff.ts";
import { readCaptures } from "./testing/captures.ts";

const base: SpaceDescription = {
  vendorId: 0x1234,
  deviceId: 0x11e8,
  capabilities: [{ name: "pm" }, { name: "msi" }, { name: "vendor", bytes: [0, 1, 2, 3] }],
};
const build = (more: Partial<SpaceDescription> = {}) => buildSpace({ ...base, ...more } as SpaceDescription);
const compare = (before: Uint8Array, after: Uint8Array) =>
  diff(configOf(bytesRegion(before)), configOf(bytesRegion(after)));

describe("diff", () => {
  it("names the list and the turn of a register that is there several times", () => {
    const channels = (enable: boolean) =>
      buildSpace({
        vendorId: 0x1234,
        deviceId: 0x11e8,
        capabilities: [{ name: "pcie" }],
        extendedCapabilities: [
          { name: "virtualChannel", lists: { channels: [{}, { control: { enable } }] } },
        ],
      });
    expect(compare(channels(false), channels(true))).toEqual([
      {
        kind: "field",
        owner: "virtualChannel",
        ownerOffset: 0x100,
        turn: { list: "channels", index: 1 },
        register: "control",
        field: "enable",
        offset: 0x120,
        before: false,
        after: true,
      },
    ]);
  });

  it("is empty for equal spaces", () => {
    for (const { bytes } of readCaptures("varied").values())
      expect(compare(bytes, bytes.slice())).toEqual([]);
  });

  it("names fields, with words where the specification has them", () => {
    const capabilities = [
      { name: "pm", registers: { control: { powerState: 3 } } },
      { name: "msi" },
      { name: "vendor", bytes: [0, 1, 2, 3] },
    ] as const;
    expect(
      compare(build(), build({ capabilities, header: { command: { memory: true }, latencyTimer: 8 } })),
    ).toEqual([
      {
        kind: "field",
        owner: "header",
        ownerOffset: 0,
        register: "command",
        field: "memory",
        offset: 4,
        before: false,
        after: true,
      },
      {
        kind: "field",
        owner: "header",
        ownerOffset: 0,
        register: "latencyTimer",
        offset: 0x0d,
        before: 0,
        after: 8,
      },
      {
        kind: "field",
        owner: "pm",
        ownerOffset: 0x40,
        register: "control",
        field: "powerState",
        offset: 0x44,
        before: 0,
        after: 3,
        words: { before: "D0", after: "D3hot" },
      },
    ]);
  });

  it("tells which capabilities came and went", () => {
    const after = build({ capabilities: [{ name: "pm" }, { name: "msix", offset: 0x60 }] });
    const changes = compare(build(), after).filter(({ kind }) => kind !== "field" && kind !== "bytes");
    expect(changes).toEqual([
      { kind: "removed", owner: "msi", ownerOffset: 0x48, list: "standard", id: 5 },
      { kind: "removed", owner: "vendor", ownerOffset: 0x54, list: "standard", id: 9 },
      { kind: "added", owner: "msix", ownerOffset: 0x60, list: "standard", id: 17 },
    ]);
  });

  it("shows bytes that no register covers, with their owner", () => {
    const after = build();
    after.set([9, 9], 0x57);
    after[0xf0] = 0xab;
    expect(compare(build(), after)).toEqual([
      { kind: "bytes", owner: "vendor", ownerOffset: 0x54, offset: 0x57, before: "0102", after: "0909" },
      { kind: "bytes", owner: undefined, ownerOffset: undefined, offset: 0xf0, before: "00", after: "ab" },
    ]);
  });

  it("shows reserved bits as their whole register", () => {
    const after = build();
    after[0x05] = 0x80;
    expect(compare(build(), after)).toEqual([
      {
        kind: "field",
        owner: "header",
        ownerOffset: 0,
        register: "command",
        offset: 4,
        before: 0,
        after: 0x8000,
      },
    ]);
  });

  it("shows what a shorter space lacks", () => {
    const short = build().slice(0, 254);
    short.set([], 0);
    expect(compare(build(), short)).toEqual([
      { kind: "bytes", owner: undefined, ownerOffset: undefined, offset: 254, before: "0000", after: "" },
    ]);
  });
});
