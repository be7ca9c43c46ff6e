import { type IovaRange, PciError } from "@userpci/interface";
import { hex } from "./pages.ts";
import { formatRange, formatRanges } from "./ranges.ts";

// Why an allocator has no address to give.

/** What was asked for, in bytes. */
export interface Wanted {
  readonly size: number;
  readonly alignment: number;
  readonly bits: number;
}

/** What an allocator has given out, in bytes. */
export interface Usage {
  readonly taken: number;
  readonly ranges: number;
  /** The widest free piece. */
  readonly largest: number;
}

/** For an address asked for by name. */
export function outside(range: IovaRange, bits: number, valid: readonly IovaRange[]): PciError {
  const what = bits === 64 ? "the IOMMU" : `the IOMMU and a device of ${bits} address bits`;
  return new PciError(
    "ERR_IOVA_RANGE",
    `${formatRange(range)} is outside what ${what} can address: ${formatRanges(valid)}`,
    { hint: "take an address in those ranges, or leave it out and let one be chosen", details: { valid } },
  );
}

/** For what would have no room even with nothing live. */
export function neverFits(wanted: Wanted, valid: readonly IovaRange[]): PciError {
  return new PciError(
    "ERR_IOVA_RANGE",
    `no valid range can hold ${format(wanted)}; valid: ${formatRanges(valid)}`,
    { hint: "split the buffer into smaller ones, or ask for a smaller alignment", details: { valid } },
  );
}

/** For what has no room now. */
export function exhausted(wanted: Wanted, valid: readonly IovaRange[], usage: Usage): PciError {
  const { taken, ranges, largest } = usage;
  return new PciError(
    "ERR_IOVA_EXHAUSTED",
    `no room for ${format(wanted)}: ${hex(taken)} bytes are taken by ${ranges} ranges, the largest free piece has ` +
      `${hex(largest)} bytes; valid: ${formatRanges(valid)}`,
    {
      hint: "close buffers that are no longer used, or map fewer and larger ones",
      details: { taken, ranges, largest, valid },
    },
  );
}

function format({ size, alignment, bits }: Wanted): string {
  return `${hex(size)} bytes aligned to ${hex(alignment)} below 2^${bits}`;
}
