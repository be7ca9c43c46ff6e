import { type Iova, PciError } from "@userpci/interface";

/**
 * Unit of the allocator's tables in bytes: the smallest page of any IOMMU that VFIO drives. Counted in these, a 64-bit
 * address is a safe integer, so the tables need no bigint.
 */
export const UNIT = 4096;
/** Number of units in 64 bits of addresses. */
export const UNITS = 2 ** 52;
/** Size of the large page that mappings are aligned for, in bytes. */
export const LARGE_PAGE = 2 * 1024 * 1024;

const SHIFT = 12n;

/** Index of the unit that holds `address`. */
export function unitOf(address: bigint): number {
  return Number(address >> SHIFT);
}

/** First address of a unit. */
export function addressOf(unit: number): Iova {
  return (BigInt(unit) << SHIFT) as Iova;
}

/** `0x1000`. */
export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

/**
 * Returns `value` if it is a power of two up to 2^63.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkPowerOfTwo(name: string, value: number): number {
  if (!(value >= 1 && value <= 2 ** 63 && Number.isInteger(Math.log2(value)))) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${name} must be a power of two, not ${value}`, {
      hint: "4096 for pages, 2 ** 21 so that 2 MiB pages can be used",
    });
  }
  return value;
}
