import { enhancedAllocation, enhancedAllocationEntry } from "../../capabilities/enhanced-allocation.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, line, wordField } from "../line.ts";

const { entries, buses } = enhancedAllocation.registers;
const { format, base, maxOffset } = enhancedAllocationEntry;
const { fields: f } = format;
const { fields: bound } = base;

const bars = [
  ...["BAR 0", "BAR 1", "BAR 2", "BAR 3", "BAR 4", "BAR 5"],
  ...["resource behind function", "not indicated", "expansion ROM"],
  ...["VF-BAR 0", "VF-BAR 1", "VF-BAR 2", "VF-BAR 3", "VF-BAR 4", "VF-BAR 5", "reserved"],
];

const properties = [
  "memory space, non-prefetchable",
  "memory space, prefetchable",
  "I/O space",
  "VF memory space, prefetchable",
  "VF memory space, non-prefetchable",
  "allocation behind bridge, non-prefetchable memory",
  "allocation behind bridge, prefetchable memory",
  "allocation behind bridge, I/O space",
];

const unavailable: Readonly<Record<number, string>> = {
  253: "memory space resource unavailable for use",
  254: "I/O space resource unavailable for use",
  255: "entry unavailable for use",
};
const otherProperties = (value: number) => unavailable[value] ?? `[${hex(value, 2)}]`;
const NO_SECONDARY = 0xff;

const secondaryProperties = (raw: number) =>
  fieldOf(f.secondary, raw) === NO_SECONDARY ? ", PrimaryProperties should be used" : "";

const entryLine = line`Enable${f.enable} Writable${f.writable} EntrySize=${f.size}
\t\t\t BAR Equivalent Indicator: ${wordField(f.bar, bars, "")}
\t\t\t PrimaryProperties: ${wordField(f.primary, properties, otherProperties)}
\t\t\t SecondaryProperties: ${wordField(f.secondary, properties, otherProperties)}${secondaryProperties}
`;

const busLine = line`, secondary=${buses.fields.secondary}, subordinate=${buses.fields.subordinate}`;

/** Enhanced allocation. */
export const enhancedAllocationText: CapabilityPrinter = (capability) => {
  const count = fieldOf(entries.fields.count, capability.read(entries));
  let text = `Enhanced Allocation (EA): NumEntries=${count}`;
  let at = 4;
  if (capability.headerLayout === 1) {
    // The upper half is reserved, and not looked at.
    if (!capability.has(at, 2)) return `${text}\n`;
    text += busLine(capability.read16(buses.offset));
    at += 4;
  }
  text += "\n";
  if (!capability.verbose) return text;
  for (let index = 0; index < count && capability.has(at, 4); index++) {
    const dwords = fieldOf(f.size, capability.read32(at));
    if (!capability.has(at + 4, 4 * dwords)) break;
    text += `\t\tEntry ${index}: ${entryText(capability, at)}`;
    at += 4 + 4 * dwords;
  }
  return text;
};

/** An entry; the upper halves of its bounds follow both lower ones. */
function entryText(capability: CapabilityText, at: number): string {
  const low = capability.read32(at + base.offset);
  const top = capability.read32(at + maxOffset.offset);
  const upper = at + maxOffset.offset + 4;
  const wideBase = fieldOf(bound.wide, low) === 1;
  const wideTop = fieldOf(bound.wide, top) === 1;
  const half = (present: boolean, offset: number) => (present ? hex(capability.read32(offset), 1) : "");
  return (
    `${entryLine(capability.read32(at))}` +
    `\t\t\t Base: ${half(wideBase, upper)}${hex((low & ~3) >>> 0, 8)}\n` +
    `\t\t\t MaxOffset: ${half(wideTop, upper + (wideBase ? 4 : 0))}${hex((top | 3) >>> 0, 8)}\n`
  );
}
