import { formatValue } from "./check.ts";
import { PciError } from "./errors.ts";

declare const iovaBrand: unique symbol;

/**
 * An I/O virtual address: what a device puts on the bus, translated by the IOMMU. 64 bits, unsigned. Branded, so that
 * neither a process address nor a plain number passes for one.
 */
export type Iova = bigint & { readonly [iovaBrand]: true };

/** A range of I/O virtual addresses, both ends included, as the kernel reports them (`struct vfio_iova_range`). */
export interface IovaRange {
  /** First address. */
  readonly start: bigint;
  /** Last address, included; at most 2^64 - 1. */
  readonly last: bigint;
}

/** The highest 64-bit address. */
export const MAX_IOVA = 0xffff_ffff_ffff_ffffn;

/**
 * Makes an {@link Iova} of a number.
 *
 * @param value 0 to 2^64 - 1; a `number` must be a safe integer
 * @throws PciError `ERR_INVALID_ARGUMENT` for a fraction or an unsafe integer, `ERR_OUT_OF_RANGE` outside 64 bits
 */
export function toIova(value: bigint | number): Iova {
  if (typeof value !== "bigint" && !Number.isSafeInteger(value)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `an IOVA must be an integer, not ${formatValue(value)}`, {
      hint: "write addresses above 2^53 as bigint, such as 0x1_0000_0000_0000n",
    });
  }
  const address = BigInt(value);
  if (address < 0n || address > MAX_IOVA) {
    throw new PciError("ERR_OUT_OF_RANGE", `an IOVA has 64 bits, ${value} does not fit`, {
      hint: "pass 0 to 0xffffffffffffffff",
    });
  }
  return address as Iova;
}

/**
 * Bits 31 to 0 of an address, unsigned: the low half for a descriptor or a register.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for no bigint
 */
export function iovaLo(address: bigint): number {
  if (typeof address !== "bigint") throw notAddress(address);
  return Number(address & 0xffff_ffffn);
}

/**
 * Bits 63 to 32 of an address, unsigned: the high half for a descriptor or a register.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for no bigint
 */
export function iovaHi(address: bigint): number {
  if (typeof address !== "bigint") throw notAddress(address);
  return Number((address >> 32n) & 0xffff_ffffn);
}

function notAddress(value: unknown): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `an address must be a bigint, not ${formatValue(value)}`, {
    hint: "pass buffer.iova, or make an address of a number: toIova(value)",
  });
}
