import { isBarSize } from "./bar-shape.ts";
import { type Bar, decodeBars, walkBars } from "./bars.ts";
import type { CapabilityKind, CapabilitySpec } from "./capability.ts";
import type { ConfigSpace } from "./config.ts";
import { type ConfigDescription, describeStill } from "./describe.ts";
import { extendedCapabilities } from "./extended.ts";
import { commonHeader, type0Header } from "./header.ts";
import { headerLayouts } from "./header-layout.ts";
import { hex, ignore, type Problem, problem, type Report } from "./problem.ts";
import type { RegisterDescriptions } from "./register-description.ts";
import { standardCapabilities } from "./standard.ts";
import { stillOf } from "./still.ts";
import { fieldMask, type RegisterSpec, type RegisterTable } from "./table.ts";

/** What {@link check} may be told. */
export interface CheckOptions {
  /** Bytes of each BAR by its number, 0 for none; without them sizes are not checked. */
  readonly barSizes?: readonly number[];
}

/**
 * Everything that is wrong or odd about a config space: what its `problems` are, and beside it BARs whose size, address or type cannot be
 * and bits that the specification reserves. Errors first, then warnings, each by offset. Reads what `describe` reads, each dword once.
 *
 * @throws PciError what the region throws
 */
export function check(config: ConfigSpace, options: CheckOptions = {}): readonly Problem[] {
  const still = stillOf(config);
  const description = describeStill(still, {});
  const problems: Problem[] = [...description.problems];
  // Of a function that is not there every bit reads 1.
  if (problems.some(({ code }) => code === "absent")) return problems;
  const report: Report = (found) => problems.push(found);
  checkBars(still, options, report);
  checkReserved(description, report);
  checkExtended(description, report);
  const rank = ({ severity }: Problem): number => (severity === "error" ? 0 : 1);
  return problems.sort((a, b) => rank(a) - rank(b) || a.offset - b.offset);
}

const barOffset = (index: number): number => type0Header.bar0.offset + 4 * index;

function checkBars(config: ConfigSpace, { barSizes = [] }: CheckOptions, report: Report): void {
  for (const [index, { raw, kind }] of walkBars(config, ignore)) {
    if (kind === "memory32" && ((raw >>> 1) & 3) === 1) {
      report(
        problem(
          "bar-below-1m",
          barOffset(index),
          `BAR ${index} is ${hex(raw, 8)}: memory type 1 is reserved`,
        ),
      );
    }
  }
  const bars = decodeBars(config, barSizes);
  for (const bar of bars) checkBar(bar, report);
  for (const [index, bar] of bars.entries()) {
    for (const other of bars.slice(index + 1)) checkOverlap(bar, other, report);
  }
}

function checkBar({ index, kind, size, address }: Bar, report: Report): void {
  if (size === undefined) return;
  const at = barOffset(index);
  if (!isBarSize(kind, size)) {
    report(problem("bar-size", at, `BAR ${index} has ${size} bytes, which no BAR for ${kind} can have`));
  } else if (address % BigInt(size) !== 0n) {
    const message = `BAR ${index} is at ${hex(address, 8)}, not a multiple of its ${size} bytes`;
    report(problem("bar-address", at, message));
  }
}

/** BARs without an address overlap nothing. */
function checkOverlap(a: Bar, b: Bar, report: Report): void {
  if (a.size === undefined || b.size === undefined || a.address === 0n || b.address === 0n) return;
  if ((a.kind === "io") !== (b.kind === "io")) return;
  if (a.address + BigInt(a.size) <= b.address || b.address + BigInt(b.size) <= a.address) return;
  report(
    problem("bar-overlap", barOffset(b.index), `BARs ${a.index} and ${b.index} decode the same addresses`),
  );
}

const tables: Readonly<Record<CapabilityKind, Readonly<Record<string, CapabilitySpec>>>> = {
  standard: standardCapabilities,
  extended: extendedCapabilities,
};

function checkReserved(description: ConfigDescription, report: Report): void {
  const { header, capabilities, extendedCapabilities: extended } = description;
  const own = header.layout === "other" ? {} : headerLayouts[header.layout].registers;
  reportReserved("header", { ...commonHeader, ...own }, header.registers, report);
  for (const { kind, name, registers, lists } of [...capabilities, ...extended]) {
    const spec = tables[kind][name];
    if (!spec) continue;
    reportReserved(name, spec.registers, registers, report);
    for (const [list, turns] of Object.entries(lists)) {
      const table = spec.lists[list]!.registers;
      for (const [turn, listed] of turns.entries())
        reportReserved(`${name}.${list}[${turn}]`, table, listed, report);
    }
  }
}

/** Bits of a register that mean nothing. */
function reservedBits(spec: RegisterSpec): number {
  if (spec.kind === "value") return spec.reservedBits ?? 0;
  let named = 0;
  for (const field of Object.values(spec.fields)) named |= fieldMask(field);
  return ~named;
}

function reportReserved(
  owner: string,
  table: RegisterTable,
  registers: RegisterDescriptions,
  report: Report,
): void {
  for (const [name, { raw, width, offset }] of Object.entries(registers)) {
    const odd = (raw & reservedBits(table[name]!)) >>> 0;
    if (odd === 0) continue;
    const message = `${owner}.${name} is ${hex(raw, width / 4)}: the bits ${hex(odd, width / 4)} are reserved`;
    report(problem("reserved-bits", offset, message));
  }
}

function checkExtended(
  { capabilities, extendedCapabilities: extended }: ConfigDescription,
  report: Report,
): void {
  const [first] = extended;
  if (first === undefined || capabilities.some(({ name }) => name === "pcie" || name === "pcix")) return;
  const message = "there are extended capabilities, but neither PCI Express nor PCI-X";
  report(problem("extended-without-pcie", first.offset, message));
}
