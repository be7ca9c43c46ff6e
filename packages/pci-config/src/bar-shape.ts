import { formatValue, PciError } from "@userpci/interface";
import { type BarKind, walkBars } from "./bars.ts";
import type { ConfigSpace } from "./config.ts";
import { hex, ignore } from "./problem.ts";

/** What a BAR is, whatever its address. */
export interface BarShape {
  readonly kind: BarKind;
  readonly prefetchable?: boolean;
  /** Bytes: a power of two, for memory at least 16, for I/O at least 4. */
  readonly size: number;
}

/**
 * The shapes of a function's BARs: kinds as its registers tell them, sizes as the system does.
 *
 * @param sizes bytes of each BAR by its number, 0 for none
 */
export function barShapes(config: ConfigSpace, sizes: readonly number[]): (BarShape | undefined)[] {
  const shapes: (BarShape | undefined)[] = [];
  for (const [index, { kind, prefetchable }] of walkBars(config, ignore)) {
    const size = sizes[index] ?? 0;
    if (size > 0) shapes[index] = { kind, prefetchable, size };
  }
  return shapes;
}

/** Least and largest size of a BAR in bytes (section 7.5.1.2.1); what is larger than 2^51 bytes no system has. */
const limits: Readonly<Record<BarKind, readonly [least: number, most: number]>> = {
  memory32: [16, 2 ** 31],
  memory64: [16, 2 ** 51],
  io: [4, 2 ** 31],
};

/** Whether a BAR of a kind can have a size in bytes. */
export function isBarSize(kind: BarKind, size: number): boolean {
  const [least, most] = limits[kind];
  return Number.isSafeInteger(size) && size >= least && size <= most && Number.isInteger(Math.log2(size));
}

/**
 * Checks what a BAR can be.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkBarShape(index: number, { kind, size, prefetchable }: BarShape): void {
  if (!Object.hasOwn(limits, kind)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `BAR ${index} cannot be of the kind ${formatValue(kind)}`, {
      hint: `give one of ${Object.keys(limits).join(", ")}`,
    });
  }
  if (!isBarSize(kind, size)) {
    const [least, most] = limits[kind];
    throw new PciError("ERR_INVALID_ARGUMENT", `BAR ${index} cannot have ${size} bytes`, {
      hint: `give a power of two from ${hex(least)} to ${hex(most)} for ${kind}`,
    });
  }
  if (kind === "io" && prefetchable) {
    throw new PciError("ERR_INVALID_ARGUMENT", `BAR ${index} is for I/O, and cannot be prefetchable`, {
      hint: "leave out `prefetchable`, or give the kind memory32 or memory64",
    });
  }
}

const IO = 0x1;
const MEMORY64 = 0x4;
const PREFETCHABLE = 0x8;

/** The bits of a BAR register that tell what it is. */
export function barTypeBits({ kind, prefetchable = false }: BarShape): number {
  if (kind === "io") return IO;
  return (kind === "memory64" ? MEMORY64 : 0) | (prefetchable ? PREFETCHABLE : 0);
}
