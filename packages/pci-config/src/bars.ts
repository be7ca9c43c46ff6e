import { PciError } from "@userpci/interface";
import type { ConfigSpace } from "./config.ts";
import { headerLayouts } from "./header-layout.ts";
import { hex, ignore, problem, type Report } from "./problem.ts";

/** What a BAR decodes: memory at a 32-bit or 64-bit address, or I/O ports. */
export type BarKind = "memory32" | "memory64" | "io";

/** A base address register, or a pair of them. */
export interface Bar {
  /** Number of the (first) register: 0 to 5. */
  readonly index: number;
  readonly kind: BarKind;
  /** Memory whose reads have no side effects. */
  readonly prefetchable: boolean;
  /** Address on the bus; 0 if none is assigned. */
  readonly address: bigint;
  /** Bytes, if the sizes were given. */
  readonly size?: number;
}

const BAR_OFFSET = 0x10;

/**
 * Decodes the BARs without sizing them: nothing is written (section 7.5.1.2.1). A register that reads 0 counts as absent
 * unless `sizes` says otherwise.
 *
 * @param sizes bytes of each BAR by its number, 0 for none, as VFIO's region info tells them
 * @throws PciError `ERR_INVALID_ARGUMENT` if a size is not a safe integer of 0 or more
 */
export function decodeBars(config: ConfigSpace, sizes?: readonly number[]): readonly Bar[] {
  const bars: Bar[] = [];
  for (const [index, bar] of walkBars(config, ignore)) {
    const size = sizes?.[index];
    if (size === undefined ? bar.raw === 0 : checkSize(index, size) === 0) continue;
    const { kind, prefetchable, address } = bar;
    bars.push({ index, kind, prefetchable, address, ...(size !== undefined && { size }) });
  }
  return bars;
}

function checkSize(index: number, size: number): number {
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw new PciError("ERR_INVALID_ARGUMENT", `the size of BAR ${index} is ${size}, not a number of bytes`, {
    hint: "give `barSizes` in bytes, such as 0x1000, and 0 for a BAR that is not there",
  });
}

interface RawBar extends Omit<Bar, "index" | "size"> {
  readonly raw: number;
}

/** Every BAR register of the header's layout, upper halves joined to lower ones. */
export function* walkBars(config: ConfigSpace, report: Report): Generator<[index: number, bar: RawBar]> {
  const { layout } = config;
  const count = layout ? headerLayouts[layout].bars : 0;
  for (let index = 0; index < count; index++) {
    const offset = BAR_OFFSET + 4 * index;
    const raw = config.region.read32(offset);
    const type = (raw >>> 1) & 3;
    if (raw & 1) {
      yield [index, { raw, kind: "io", prefetchable: false, address: BigInt((raw & ~3) >>> 0) }];
      continue;
    }
    if (type === 3)
      report(problem("bar-type", offset, `BAR ${index} is ${hex(raw, 8)}: memory type 3 is reserved`));
    const wide = type === 2;
    const paired = wide && index + 1 < count;
    if (wide && !paired) report(problem("bar-pair", offset, `BAR ${index} is 64-bit, but the last register`));
    const upper = paired ? BigInt(config.region.read32(offset + 4)) : 0n;
    const address = (upper << 32n) | BigInt((raw & ~0xf) >>> 0);
    yield [index, { raw, kind: wide ? "memory64" : "memory32", prefetchable: (raw & 8) !== 0, address }];
    if (paired) index++;
  }
}
