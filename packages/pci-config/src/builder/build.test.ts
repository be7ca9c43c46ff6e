import { isPciError } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBars } from "../bars.ts";
import { bytesRegion } from "../bytes.ts";
import type { CapabilitySpec } from "../capability.ts";
import { configOf } from "../config.ts";
import { extendedCapabilities } from "../extended.ts";
import { standardCapabilities } from "../standard.ts";
import type { FieldSpec, RegisterSpec } from "../table.ts";
import { codeOf } from "../testing/regions.ts";
import { buildSpace } from "./build.ts";
import type { SpaceDescription } from "./description.ts";

const ids = { vendorId: 0x1234, deviceId: 0x11e8 };
const decode = (description: SpaceDescription) => configOf(bytesRegion(buildSpace(description)));

/** Code, message and hint of the error that building throws. */
function refusal(description: object): string {
  try {
    buildSpace({ ...ids, ...description } as SpaceDescription);
  } catch (error) {
    if (isPciError(error)) return `${error.code}: ${error.message} (${error.hint})`;
    throw error;
  }
  return "nothing thrown";
}

describe("buildSpace", () => {
  it("makes 256 bytes with ids and nothing else", () => {
    const config = decode(ids);
    expect(config.size).toBe(256);
    expect([config.vendorId, config.deviceId, config.status.capabilitiesList]).toEqual([
      0x1234,
      0x11e8,
      false,
    ]);
    expect(config.problems).toEqual([]);
  });

  it("makes an endpoint with everything in its header", () => {
    const config = decode({
      ...ids,
      revisionId: 0x10,
      classCode: 0x010802,
      multiFunction: true,
      interruptPin: 1,
      subsystemVendorId: 0x1af4,
      subsystemId: 0x1100,
      header: { command: { memory: true, busMaster: true }, latencyTimer: 0x20 },
      bars: [
        { kind: "memory64", prefetchable: true, size: 2 ** 34, address: 0x40_0000_0000n },
        undefined,
        { kind: "io", size: 32, address: 0xc000 },
        { kind: "memory32", size: 4096 },
      ],
      rom: { size: 0x1_0000, address: 0xfe00_0000, enable: true },
    });
    expect(config.classCode).toBe(0x010802);
    expect(config.headerType.read()).toEqual({ layout: 0, multiFunction: true });
    expect(config.command.read()).toMatchObject({ memory: true, busMaster: true, io: false });
    expect([config.interruptPin, config.latencyTimer, config.revisionId]).toEqual([1, 0x20, 0x10]);
    expect(config.endpoint).toMatchObject({ subsystemVendorId: 0x1af4, subsystemId: 0x1100 });
    expect(config.endpoint!.rom.read()).toMatchObject({ enable: true, address: 0xfe00_0000 });
    expect(decodeBars(config)).toEqual([
      { index: 0, kind: "memory64", prefetchable: true, address: 0x40_0000_0000n },
      { index: 2, kind: "io", prefetchable: false, address: 0xc000n },
    ]);
  });

  it("makes a bridge", () => {
    const config = decode({
      ...ids,
      layout: "bridge",
      classCode: 0x060400,
      header: { secondaryBus: 1, subordinateBus: 2, memoryBase: { address: 0xfe00 } },
      capabilities: [{ name: "pcie", registers: { capabilities: { version: 2, portType: 4 } } }],
    });
    expect(config.bridge).toMatchObject({ secondaryBus: 1, subordinateBus: 2 });
    expect(config.find("pcie")!.capabilities.portType).toBe(4);
    expect(config.size).toBe(4096);
  });

  it("makes a CardBus bridge, its capabilities behind its longer header", () => {
    const config = decode({
      ...ids,
      layout: "cardbus",
      classCode: 0x060700,
      subsystemVendorId: 0x1028,
      subsystemId: 0x1234,
      header: { cardbusBus: 5, subordinateBus: 8, bridgeControl: { cardbusReset: true }, legacyBase: 0x3e1 },
      bars: [{ kind: "memory32", size: 4096, address: 0xfe10_0000 }],
      capabilities: [{ name: "pm" }, { name: "vendor", offset: 0x80, bytes: [0, 1] }],
    });
    expect(config.layout).toBe("cardbus");
    expect(config.cardbus).toMatchObject({ cardbusBus: 5, subsystemId: 0x1234, legacyBase: 0x3e1 });
    expect(config.capabilities().map(({ name, offset }) => [name, offset])).toEqual([
      ["pm", 0x48],
      ["vendor", 0x80],
    ]);
    expect(decodeBars(config)).toMatchObject([{ index: 0, address: 0xfe10_0000n }]);
    expect(config.problems).toEqual([]);
  });

  it("places, links and sizes capabilities in the order of their list", () => {
    const config = decode({
      ...ids,
      capabilities: [
        { name: "pm", registers: { capabilities: { version: 3 } } },
        { name: "msi", registers: { control: { address64: true, perVectorMasking: true }, mask: 5 } },
        { name: "vendor", offset: 0x44, bytes: [0, 1, 2, 3] },
        { name: "pcie", registers: { capabilities: { version: 2 } } },
      ],
      extendedCapabilities: [
        { name: "aer", version: 2 },
        { name: "vsec", length: 0x18, registers: { header: { vsecId: 7, revision: 1 } } },
        { id: 0x7777, bytes: [1, 2, 3, 4, 5] },
      ],
    });
    expect(config.capabilities().map(({ name, offset, length }) => [name, offset, length])).toEqual([
      ["pm", 0x4c, 8],
      ["msi", 0x54, 24],
      ["vendor", 0x44, 6],
      ["pcie", 0x6c, 0x3c],
    ]);
    expect(config.find("msi")!.mask).toBe(5);
    expect(
      config
        .extendedCapabilities()
        .map(({ name, offset, version, length }) => [name, offset, version, length]),
    ).toEqual([
      ["aer", 0x100, 2, 0x2c],
      ["vsec", 0x12c, 1, 0x18],
      ["unknown", 0x144, 1, 4],
    ]);
    expect([...configOf(config.region).extendedCapabilities()[2]!.bytes().subarray(0, 2)]).toEqual([
      0x77, 0x77,
    ]);
    expect(config.problems.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it.each<[string, object, RegExp]>([
    ["an id that does not fit", { vendorId: 0x1_0000 }, /ERR_OUT_OF_RANGE: .*vendorId is 65536/],
    ["a class of more than 24 bits", { classCode: 0x100_0000 }, /ERR_OUT_OF_RANGE: classCode/],
    ["a size that no space has", { size: 512 }, /256 or 4096 bytes, not 512/],
    [
      "a BAR whose size is no power of two",
      { bars: [{ kind: "memory32", size: 24 }] },
      /BAR 0 cannot have 24 bytes .*power of two/,
    ],
    [
      "a BAR off its alignment",
      { bars: [{ kind: "memory32", size: 4096, address: 0x800 }] },
      /ERR_MISALIGNED/,
    ],
    [
      "a BAR that its kind cannot address",
      { bars: [{ kind: "memory32", size: 4096, address: 2 ** 32 }] },
      /memory32 cannot hold/,
    ],
    [
      "a 64-bit BAR without an upper half",
      {
        bars: [
          { kind: "memory64", size: 4096 },
          { kind: "io", size: 4 },
        ],
      },
      /register 1 is not free/,
    ],
    [
      "more BARs than a bridge has",
      { layout: "bridge", bars: [undefined, undefined, { kind: "io", size: 4 }] },
      /has 2 BARs/,
    ],
    ["a ROM of a CardBus bridge", { layout: "cardbus", rom: { size: 2048 } }, /cardbus has no expansion ROM/],
    [
      "a capability in the header of a CardBus bridge",
      { layout: "cardbus", capabilities: [{ name: "pm", offset: 0x44 }] },
      /ERR_OUT_OF_RANGE: offset of pm/,
    ],
    ["a ROM below 2 KiB", { rom: { size: 1024 } }, /cannot have 1024 bytes/],
    [
      "a register that there is not",
      { capabilities: [{ name: "pm", registers: { colour: 1 } }] },
      /pm has no register colour .*capabilities, control/,
    ],
    [
      "a field that there is not",
      { capabilities: [{ name: "pm", registers: { control: { colour: 1 } } }] },
      /pm.control has no field colour/,
    ],
    [
      "a field that does not fit",
      { capabilities: [{ name: "pm", registers: { control: { powerState: 4 } } }] },
      /ERR_OUT_OF_RANGE: pm.control.powerState is 4/,
    ],
    [
      "a register that depends on something else",
      { capabilities: [{ name: "msi", registers: { mask: 1 } }] },
      /no register mask without masking/,
    ],
    [
      "a capability of no known name",
      { capabilities: [{ name: "pn" }] },
      /no standard capability pn .*or one of null, pm/,
    ],
    ["an offset off the dwords", { capabilities: [{ name: "pm", offset: 0x42 }] }, /ERR_MISALIGNED/],
    ["an offset in the header", { capabilities: [{ name: "pm", offset: 0x3c }] }, /ERR_OUT_OF_RANGE/],
    [
      "two capabilities at one place",
      {
        capabilities: [
          { name: "pm", offset: 0x40 },
          { name: "msix", offset: 0x44 },
        ],
      },
      /overlaps another/,
    ],
    [
      "more than the area holds",
      { capabilities: Array(5).fill({ name: "vendor", length: 48 }) },
      /no gap is left/,
    ],
    [
      "less length than its registers need",
      { capabilities: [{ name: "vendor", registers: { length: 1 } }] },
      /1 bytes, which cannot be/,
    ],
    [
      "more bytes than its registers tell",
      { capabilities: [{ name: "pm", bytes: Array(20).fill(0) }] },
      /has 8 bytes by its registers, but 22/,
    ],
    [
      "extended capabilities of a conventional function",
      { extendedCapabilities: [{ name: "aer" }] },
      /need a PCI Express/,
    ],
    [
      "an extended list that begins elsewhere",
      { capabilities: [{ name: "pcie" }], extendedCapabilities: [{ name: "aer", offset: 0x200 }] },
      /lies at 0x100/,
    ],
    [
      "MSI-X in a BAR that cannot be",
      { capabilities: [{ name: "msix", registers: { table: { bar: 7 } } }] },
      /BAR 7 does not exist/,
    ],
    [
      "bytes that are none",
      { capabilities: [{ id: 9, bytes: [300, -1, "x"] }] },
      /ERR_OUT_OF_RANGE: byte 0 of vendor is 300/,
    ],
    [
      "letters for bytes",
      { capabilities: [{ id: 9, bytes: ["x"] }] },
      /ERR_INVALID_ARGUMENT: byte 0 of vendor/,
    ],
    ["a number for bytes", { capabilities: [{ id: 9, bytes: 5 }] }, /ERR_INVALID_ARGUMENT: bytes of vendor/],
    ["a layout that there is not", { layout: "constructor" }, /no layout "constructor" .*endpoint, bridge/],
    [
      "no capability",
      { capabilities: [null] },
      /ERR_INVALID_ARGUMENT: an entry of `capabilities` must be an object/,
    ],
    [
      "no extended capability",
      { extendedCapabilities: [undefined] },
      /ERR_INVALID_ARGUMENT: an entry of `extendedCapabilities` must be an object/,
    ],
    [
      "a name that no text can be made of",
      { capabilities: [{ name: { toString: undefined } }] },
      /ERR_INVALID_ARGUMENT: a name in `capabilities` must be a string/,
    ],
    ["no list of capabilities", { capabilities: {} }, /capabilities. must be a list/],
    [
      "a BAR of no known kind",
      { bars: [{ kind: "memoryx", size: 16 }] },
      /BAR 0 .*"memoryx" .*memory32, memory64, io/,
    ],
    ["no BAR", { bars: [null] }, /ERR_INVALID_ARGUMENT: BAR 0 must be an object/],
    [
      "no registers",
      { capabilities: [{ name: "pm", registers: null }] },
      /registers of pm must be an object/,
    ],
    [
      "no fields",
      { capabilities: [{ name: "pm", registers: { control: null } }] },
      /pm.control takes a number/,
    ],
  ])("refuses %s", (_, description, message) => {
    expect(refusal(description)).toMatch(message);
  });
});

it.each([
  [{ vendor: 0x1234 }, /a config space has no property "vendor" .*vendorId/],
  [{ bars: [{ kind: "memory32", size: 4096, prefetchabel: true }] }, /BAR 0 has no property "prefetchabel"/],
  [{ rom: { size: 2048, enabled: true } }, /`rom` has no property "enabled"/],
  [{ capabilities: [{ name: "pm", register: {} }] }, /pm of `capabilities` has no property "register"/],
  [{ capabilities: [{ name: "pm", version: 3 }] }, /pm of `capabilities` has no property "version"/],
  [
    { capabilities: [{ name: "pcie" }], extendedCapabilities: [{ id: 0x7fff, byte: [1] }] },
    /a capability of `extendedCapabilities` has no property "byte"/,
  ],
])("refuses what is misspelt: %j", (description, message) => {
  expect(refusal(description)).toMatch(message);
});

it.each([[null], [undefined], [1], ["x"], [[]]])("refuses %j as a description", (description) => {
  expect(codeOf(() => buildSpace(description as unknown as SpaceDescription))).toBe("ERR_INVALID_ARGUMENT");
});

it("refuses whatever is no description with an error of its own", () => {
  const anything = fc.anything({ maxDepth: 2 });
  const loose = fc.record(
    {
      vendorId: anything,
      layout: fc.oneof(anything, fc.constantFrom("endpoint", "bridge")),
      header: anything,
      bars: fc.oneof(anything, fc.array(fc.oneof(anything, fc.record({ kind: anything, size: anything })))),
      rom: fc.oneof(anything, fc.record({ size: anything })),
      size: anything,
      capabilities: fc.oneof(anything, fc.array(looseCapability(anything, ["pm", "vendor", "pcie"]))),
      extendedCapabilities: fc.oneof(
        anything,
        fc.array(anything),
        fc.array(looseCapability(anything, ["aer", "resizableBar", "dvsec"])),
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(loose, (description) => {
      try {
        buildSpace({ ...ids, ...description } as unknown as SpaceDescription);
      } catch (error) {
        if (!isPciError(error)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

function looseCapability(anything: fc.Arbitrary<unknown>, names: readonly string[]): fc.Arbitrary<unknown> {
  const parts = {
    name: fc.oneof(anything, fc.constantFrom(...names)),
    id: anything,
    version: anything,
    offset: anything,
    length: anything,
    bytes: anything,
    registers: fc.oneof(anything, fc.record({ control: anything, header1: anything })),
    lists: fc.oneof(anything, fc.record({ bars: fc.oneof(anything, fc.array(anything)) })),
  };
  return fc.oneof(anything, fc.record(parts, { requiredKeys: [] }));
}

/** A value that a field can hold, as it is decoded. */
function fieldValue(field: FieldSpec): fc.Arbitrary<number | boolean> {
  if (field.form === "flag") return fc.boolean();
  const most = 2 ** (field.hi - field.lo + 1) - 1;
  const number = fc.nat(Math.min(most, 0x7fff_ffff));
  return field.form === "address" ? number.map((value) => (value << field.lo) >>> 0) : number;
}

function registerValue(spec: RegisterSpec): fc.Arbitrary<unknown> {
  if (spec.kind === "value") return fc.nat(2 ** Math.min(spec.width, 31) - 1);
  return fc.record(
    Object.fromEntries(Object.entries(spec.fields).map(([name, field]) => [name, fieldValue(field)])),
    {
      requiredKeys: [],
    },
  );
}

/** Registers that are there whatever the capability has, with any values. */
function registersOf(spec: CapabilitySpec): fc.Arbitrary<Record<string, unknown>> {
  const fixed = Object.entries(spec.registers).filter(
    ([, { when, moved }]) => when === undefined && moved === undefined,
  );
  return fc.record(Object.fromEntries(fixed.map(([name, row]) => [name, registerValue(row)])), {
    requiredKeys: [],
  });
}

const anyOf = (table: Readonly<Record<string, CapabilitySpec>>) =>
  fc
    .constantFrom(...Object.entries(table))
    .chain(([name, spec]) => registersOf(spec).map((registers) => ({ name, registers })));

const descriptions = fc.record({
  vendorId: fc.nat(0xfffe),
  deviceId: fc.nat(0xfffe),
  classCode: fc.nat(0xff_ffff),
  interruptPin: fc.nat(4),
  capabilities: fc
    .array(anyOf(standardCapabilities), { maxLength: 4 })
    .map((list) => [{ name: "pcie" }, ...list]),
  extendedCapabilities: fc.array(anyOf(extendedCapabilities), { maxLength: 4 }),
});

it("whatever is built is sound, and decodes back to its description", () => {
  let built = 0;
  fc.assert(
    fc.property(descriptions, (description) => {
      let bytes: Uint8Array;
      try {
        bytes = buildSpace(description as unknown as SpaceDescription);
      } catch (error) {
        // Values at random can contradict each other; that must be told as what it is.
        if (isPciError(error)) return;
        throw error;
      }
      built++;
      const config = configOf(bytesRegion(bytes));
      expect(config.problems.filter(({ severity }) => severity === "error")).toEqual([]);
      expect([config.vendorId, config.deviceId, config.classCode, config.interruptPin]).toEqual([
        description.vendorId,
        description.deviceId,
        description.classCode,
        description.interruptPin,
      ]);
      const lists = [
        [description.capabilities, config.capabilities()],
        [description.extendedCapabilities, config.extendedCapabilities()],
      ] as const;
      for (const [given, found] of lists) {
        expect(found.map(({ name }) => name)).toEqual(given.map(({ name }) => name));
        for (const [index, capability] of given.entries()) {
          expect(found[index]).toMatchObject(readable("registers" in capability ? capability.registers : {}));
        }
      }
    }),
    { numRuns: 200 },
  );
  expect(built).toBeGreaterThan(60);
});

/** The registers as a capability shows them; a length of 0 that it tells of itself is filled in. */
function readable(registers: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(registers).filter(([name]) => name !== "length");
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (typeof value !== "object" || value === null || !("length" in value) || value.length !== 0)
        return [name, value];
      const { length: _, ...others } = value;
      return [name, others];
    }),
  );
}
