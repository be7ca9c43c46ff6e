import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesRegion } from "./bytes.ts";
import { blockTypes } from "./capabilities/hypertransport-blocks.ts";
import type { CapabilitySpec } from "./capability.ts";
import { extendedCapabilities } from "./extended.ts";
import { commonHeader } from "./header.ts";
import { headerLayouts } from "./header-layout.ts";
import { standardCapabilities } from "./standard.ts";
import type { RegisterSpec, RegisterTable } from "./table.ts";
import { list, space } from "./testing/regions.ts";

const capabilities: Readonly<Record<string, CapabilitySpec>> = {
  ...extendedCapabilities,
  ...standardCapabilities,
};

/** Every table of registers there is. */
const tables: readonly (readonly [name: string, table: RegisterTable])[] = [
  ...Object.entries(headerLayouts).map(
    ([name, { registers }]) => [`${name} header`, { ...commonHeader, ...registers }] as const,
  ),
  ...Object.entries(capabilities).flatMap(([name, { registers, lists }]) => [
    [name, registers] as const,
    ...Object.entries(lists).map(([list, row]) => [`${name}.${list}`, row.registers] as const),
  ]),
];

const links = ["primary", "secondary"];
const blocks = [...Object.keys(blockTypes), "otherBlock"];

/** Traits by which a capability is one thing or another: of each group it has at most one, and what begins with its name. */
const exclusive: Readonly<Record<string, readonly (readonly string[])[]>> = {
  aer: [["flit", "prefix"]],
  pcix: [["bridge", "function"]],
  hyperTransport: [
    [...links, ...blocks],
    [...links, ...blocks.filter((name) => name !== "msiMapping"), "msiAddress"],
    [...links, ...blocks.filter((name) => name !== "addressMapping"), "shortMapping", "longMapping"],
    ["msiAddress", "shortMapping", "longMapping"],
  ],
  vendor: [
    ["virtio", "intel"],
    ["virtioNotify", "virtioShared", "intel"],
  ],
  dvsec: [
    ["cxlDevice", "cxlPort", "cxlGpfPort", "cxlGpfDevice", "cxlFlexBus", "cxlLogicalDevices", "cxlTest"],
  ],
};

/** Which of a group a trait stands for; `cxlDevice1` stands for `cxlDevice`. */
const memberOf = (group: readonly string[], trait: string): string | undefined =>
  group.find((member) => trait.replace(/\d$/, "") === member);

function canOccur(table: string, traits: readonly string[]): boolean {
  const groups = exclusive[table] ?? [];
  return groups.every(
    (group) => new Set(traits.map((trait) => memberOf(group, trait)).filter(Boolean)).size < 2,
  );
}

const traitsOf = ({ when, moved }: RegisterSpec) =>
  [when, moved?.when].filter((trait) => trait !== undefined);

const subsetsOf = (traits: readonly string[]): string[][] =>
  Array.from({ length: 2 ** traits.length }, (_, set) => traits.filter((_, bit) => (set >> bit) & 1));

/** First and last byte of a register with some traits, or undefined if it is not there. */
function bytesOf({ offset, width, when, moved }: RegisterSpec, traits: readonly string[]) {
  if (when !== undefined && !traits.includes(when)) return undefined;
  const first = offset + (moved && traits.includes(moved.when) ? moved.by : 0);
  return { first, last: first + width / 8 - 1 };
}

function overlap(table: string, a: RegisterSpec, b: RegisterSpec): boolean {
  const sets = subsetsOf([...new Set([...traitsOf(a), ...traitsOf(b)])]);
  return sets.some((traits) => {
    if (!canOccur(table, traits)) return false;
    const [one, other] = [bytesOf(a, traits), bytesOf(b, traits)];
    return one && other && one.first <= other.last && other.first <= one.last;
  });
}

/** A number of the PCI Express Base Specification 5.0 alone; of any other document behind its one spelling and version. */
const section =
  /^(?:(?:PCI Express 6\.\d|CXL 3\.1|PCI PM 1\.2|virtio 1\.3|PCI-X 2\.0a|PCI-to-PCI Bridge 1\.2|AGP 3\.0|HyperTransport 3\.10|AHCI 1\.3\.1|EHCI 1\.0|PC Card Standard 8\.0|AMD IOMMU 3\.11), )?(?:\d+|[A-Z])(?:\.\d+)+$|^Intel Core processor datasheets, Host Bridge, CAPID0$|^PICMG 2\.1 R2\.0, HS_CSR$|^SHPC 1\.0, capability$/;

describe.each(tables)("%s", (name, table) => {
  const rows = Object.entries(table);

  it("says where each register is specified", () => {
    expect(rows.filter(([, spec]) => !section.test(spec.section))).toEqual([]);
  });

  it("has no two registers in one place", () => {
    const overlaps = rows.flatMap(([a, spec], index) =>
      rows
        .slice(index + 1)
        .filter(([, other]) => overlap(name, spec, other))
        .map(([b]) => `${a} and ${b}`),
    );
    expect(overlaps).toEqual([]);
  });
});

it("no table but a capability's own has registers whose reading has effects, each a dword for itself", () => {
  const effects = tables.flatMap(([name, table]) =>
    Object.entries(table)
      .filter(([, { reads }]) => reads === "effect")
      .map(([row, { width, offset, when, moved }]) => [`${name}.${row}`, width, offset % 4, when, moved]),
  );
  expect(effects).toEqual([
    ["systemFirmware.camData", 32, 0, undefined, undefined],
    ["hyperTransport.configurationData", 32, 0, "extendedConfiguration", undefined],
  ]);
});

describe("traits that exclude each other", () => {
  const AT = 0x100;
  /** What decides about them: the header's layout, PCI Express' flags and second capabilities, and the head of the capability. */
  const spaces = fc
    .record({
      layout: fc.constantFrom(0, 1),
      flags: fc.tuple(fc.nat(255), fc.nat(255)),
      second: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)),
      head: fc.tuple(fc.nat(255), fc.nat(255)),
      ids: fc.constantFrom([0x86, 0x80, 0x37, 0x12], [0xf4, 0x1a, 0x41, 0x10]),
      revision: fc.nat(15),
      dvsecId: fc.nat(12),
    })
    .map(({ layout, flags, second, head, ids, revision, dvsecId }) =>
      space(
        512,
        ...list(0x40),
        [0, ...ids] as [number, ...number[]],
        [0x0e, layout],
        [0x40, standardCapabilities.pcie.id, 0, ...flags],
        [0x64, ...second],
        [AT + 2, ...head, 0x98, 0x1e, revision, 0, dvsecId, 0],
      ),
    );

  it.each(Object.keys(exclusive))("%s never has two of a group", (name) => {
    fc.assert(
      fc.property(spaces, (bytes) => {
        const traits = [...capabilities[name]!.traits!(bytesRegion(bytes), AT)];
        expect(traits).toSatisfy((found: string[]) => canOccur(name, found));
      }),
      { numRuns: 2000 },
    );
  });
});
