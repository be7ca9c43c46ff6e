import type { Region } from "@userpci/interface";
import { capability } from "../capability.ts";
import { layoutAt } from "../header-layout.ts";
import { countAt, countIn } from "../list-count.ts";
import { fieldAt } from "../register.ts";
import { address, bits, fieldOf, flag, register, value } from "../table.ts";
import { list, type Span, type Traits } from "../view.ts";

/** Properties of an entry's range (section 7.8.5.3), by value. */
const properties = [
  "memory",
  "prefetchable memory",
  "I/O",
  "prefetchable memory of virtual functions",
  "memory of virtual functions",
  "memory behind a bridge",
  "prefetchable memory behind a bridge",
  "I/O behind a bridge",
];

const unavailable: Readonly<Record<number, string>> = {
  253: "memory unavailable for use",
  254: "I/O unavailable for use",
  255: "unavailable for use",
};
/** The last three values, above those that the specification reserves, too. */
const allProperties = Array.from({ length: 256 }, (_, value) => properties[value] ?? unavailable[value]);

/** What an entry stands for (section 7.8.5.3), by value. */
const equivalents = [
  ...["BAR 0", "BAR 1", "BAR 2", "BAR 3", "BAR 4", "BAR 5"],
  ...["resource behind the function", "not indicated", "expansion ROM"],
  ...["VF BAR 0", "VF BAR 1", "VF BAR 2", "VF BAR 3", "VF BAR 4", "VF BAR 5"],
];

const bound = {
  wide: flag(1, "RO", "Has an upper half"),
  value: address(31, 2, "RW", "Address, its lower bits given by what it is"),
} as const;

/** An entry of enhanced allocation; each follows the one before. Upper halves follow both lower ones, if they are there. */
export const enhancedAllocationEntry = {
  format: register(0x00, 32, "7.8.5.3", "Entry format", {
    size: bits(2, 0, "HwInit", "Dwords that follow this one"),
    bar: bits(7, 4, "HwInit", "What it stands for", equivalents),
    primary: bits(15, 8, "HwInit", "Primary properties", allProperties),
    secondary: bits(23, 16, "HwInit", "Secondary properties", allProperties),
    writable: flag(30, "HwInit", "Base and length can be written"),
    enable: flag(31, "RW", "Enabled"),
  }),
  base: register(0x04, 32, "7.8.5.3", "Base", bound),
  maxOffset: register(0x08, 32, "7.8.5.3", "Length, minus 1", bound),
  baseHi: value(0x0c, 32, "7.8.5.3", "Base, upper 32 bits", "RW", { when: "wideBase" }),
  maxOffsetHi: value(0x0c, 32, "7.8.5.3", "Length minus 1, upper 32 bits", "RW", {
    when: "wideMaxOffset",
    moved: { when: "wideBase", by: 4 },
  }),
} as const;

const { format, base, maxOffset } = enhancedAllocationEntry;

const entries = register(0x02, 16, "7.8.5.1", "Number of entries", {
  count: bits(5, 0, "HwInit", "Entries"),
});
const ranges = countIn(entries, "count");

/** Byte of a capability at which entries start, but for a bridge's bus numbers. */
const FIRST = 4;

/** Bytes of an entry whose format register is at `at`. */
const entryLength = (region: Region, at: number): number => 4 + 4 * fieldAt(region, at, format, "size");

/** Where entries start, as far as there is room for what tells it. */
function* entryStarts({ region, offset, length, traits }: Omit<Span, "name">): Generator<number> {
  if (length < FIRST) return;
  let at = traits.has("bridge") ? FIRST + 4 : FIRST;
  let left = countAt(region, offset, ranges);
  for (; left > 0 && at + 4 <= length; left--) {
    yield at;
    at += entryLength(region, offset + at);
  }
}

const noTraits: Traits = new Set();

/** What an entry has by its own content: its dwords, and the upper halves among them. */
function narrow({ region, offset, length }: Span): Pick<Span, "length" | "traits"> {
  if (length < 4) return { length, traits: noTraits };
  const own = Math.min(length, entryLength(region, offset));
  const traits = new Set<string>();
  const isWide = (at: number): boolean =>
    at + 4 <= own && fieldOf(bound.wide, region.read32(offset + at)) === 1;
  if (isWide(base.offset)) traits.add("wideBase");
  if (isWide(maxOffset.offset)) traits.add("wideMaxOffset");
  return { length: own, traits };
}

/** Enhanced allocation (section 7.8.5): ranges that replace BARs. */
export const enhancedAllocation = capability({
  id: 0x14,
  title: "Enhanced Allocation",
  traits: function* (region) {
    if (layoutAt(region) === "bridge") yield "bridge";
  },
  length: (region, offset, traits) => {
    let end = traits.has("bridge") ? FIRST + 4 : FIRST;
    for (const start of entryStarts({ region, offset, length: region.size - offset, traits })) {
      end = start + entryLength(region, offset + start);
    }
    return end;
  },
  registers: {
    entries,
    buses: register(
      0x04,
      32,
      "7.8.5.2",
      "Fixed bus numbers",
      {
        secondary: bits(7, 0, "HwInit", "Secondary bus number"),
        subordinate: bits(15, 8, "HwInit", "Subordinate bus number"),
      },
      { when: "bridge" },
    ),
  },
  lists: { ranges: list(enhancedAllocationEntry, entryStarts, narrow) },
  counts: { ranges },
});
