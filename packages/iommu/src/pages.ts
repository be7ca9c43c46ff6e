import type { Iova } from "@userpci/interface";

/**
 * Unit of the allocator's tables in bytes: the smallest page of any IOMMU that VFIO drives. Counted in these, a 64-bit
 * address is a safe integer, so the tables need no bigint.
 */
export const UNIT = 4096;
/** Number of units in 64 bits of addresses. */
export const UNITS = 2 ** 52;
/** Sizes of the large pages that mappings are aligned for, in bytes. */
export const LARGE_PAGE = 2 ** 21;
export const HUGE_PAGE = 2 ** 30;
/** More than the smallest page of any IOMMU, in bytes. */
export const LARGEST_PAGE = 2 ** 40;

const SHIFT = 12n;

// Both are in the way of each mapping. A number holds an address below 2^53 exactly and is cheaper to compute with than a
// bigint; two halves in memory become a bigint several times faster than by `BigInt()`.
const halves = new Uint32Array(new ArrayBuffer(8));
const whole = new BigUint64Array(halves.buffer);

/** Index of the unit that holds `address`. */
export function unitOf(address: bigint): number {
  const number = Number(address);
  return number < 2 ** 53 ? Math.floor(number / UNIT) : Number(address >> SHIFT);
}

/** Index of the unit that begins at `address`, or -1 if none does. */
export function unitStartingAt(address: bigint): number {
  const number = Number(address);
  if (number >= 2 ** 53) return address % BigInt(UNIT) === 0n ? Number(address >> SHIFT) : -1;
  const unit = number / UNIT;
  return Number.isInteger(unit) ? unit : -1;
}

/** First address of a unit, below {@link UNITS}. */
export function addressOf(unit: number): Iova {
  halves[0] = unit * UNIT;
  halves[1] = unit / 2 ** 20;
  return whole[0] as Iova;
}

/** `0x1000`. */
export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}
