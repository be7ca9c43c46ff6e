import { capability } from "../capability.ts";
import { countIn } from "../list-count.ts";
import { bits, register } from "../table.ts";
import { entriesLength, entryList } from "./entries.ts";

const FIRST = 0x04;
const STRIDE = 8;

/** The registers of one BAR. */
function entry(section: string) {
  return {
    capabilities: register(0x00, 32, `${section}.2`, "Resizable BAR Capability", {
      sizes: bits(31, 4, "RO", "Sizes that it may have: bit 4 is 1 MiB, bit 31 is 128 TiB"),
    }),
    control: register(0x04, 32, `${section}.3`, "Resizable BAR Control", {
      bar: bits(2, 0, "RO", "Number of the BAR"),
      count: bits(7, 5, "RO", "BARs that can be resized; in the first entry only"),
      size: bits(13, 8, "RW", "Size: 1 MiB times 2 to its power"),
      largeSizes: bits(31, 16, "RO", "Further sizes: bit 16 is 256 TiB, bit 31 is 8 EiB"),
    }),
  } as const;
}

function resizable(id: number, title: string, section: string) {
  const registers = entry(section);
  const bars = countIn(registers.control, "count", { offset: FIRST + registers.control.offset });
  return capability({
    id,
    title,
    head: FIRST + STRIDE,
    length: entriesLength(FIRST, STRIDE, bars),
    lists: { bars: entryList(registers, FIRST, STRIDE) },
    counts: { bars },
  });
}

/** Resizable BARs (section 7.8.6). */
export const resizableBar = resizable(0x0015, "Resizable BAR", "7.8.6");

/** Resizable BARs of the virtual functions (section 7.8.7). */
export const vfResizableBar = resizable(0x0024, "VF Resizable BAR", "7.8.7");
