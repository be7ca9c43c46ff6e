import { capability } from "../capability.ts";
import { commonHeader } from "../header.ts";
import { address, bits, flag, register } from "../table.ts";

const isBridge = (layout: number) => (layout & 0x7f) === 1;

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

const bound = {
  wide: flag(1, "RO", "Has an upper half"),
  value: address(31, 2, "RW", "Address, its lower bits given by what it is"),
} as const;

/** An entry of enhanced allocation; each follows the one before. */
export const enhancedAllocationEntry = {
  format: register(0x00, 32, "7.8.5.3", "Entry format", {
    size: bits(2, 0, "HwInit", "Dwords that follow this one"),
    bar: bits(7, 4, "HwInit", "BAR that it stands for"),
    primary: bits(15, 8, "HwInit", "Primary properties", properties),
    secondary: bits(23, 16, "HwInit", "Secondary properties", properties),
    writable: flag(30, "HwInit", "Base and length can be written"),
    enable: flag(31, "RW", "Enabled"),
  }),
  base: register(0x04, 32, "7.8.5.3", "Base", bound),
  maxOffset: register(0x08, 32, "7.8.5.3", "Length, minus 1", bound),
} as const;

/** Enhanced allocation (section 7.8.5): ranges that replace BARs. */
export const enhancedAllocation = capability({
  id: 0x14,
  title: "Enhanced Allocation",
  traits: function* (region) {
    if (isBridge(region.read8(commonHeader.headerType.offset))) yield "bridge";
  },
  length: (region, offset, traits) => {
    const entries = region.read8(offset + 2) & 0x3f;
    let at = offset + (traits.has("bridge") ? 8 : 4);
    for (let i = 0; i < entries && at + 4 <= region.size; i++) at += 4 + 4 * (region.read32(at) & 7);
    return at - offset;
  },
  registers: {
    entries: register(0x02, 16, "7.8.5.1", "Number of entries", {
      count: bits(5, 0, "HwInit", "Entries"),
    }),
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
});
