import { checkAligned, checkInteger, checkPowerOfTwo, type Iova, PciError } from "@userpci/interface";
import { hex, UNIT } from "./pages.ts";

/** Constraints on one range. */
export interface IovaRequest {
  /** The widest address, in bits, that the device can drive: 12 to 64 (row R15). Default 64. */
  readonly addressBits?: number;
  /** Alignment of the address in bytes, a power of two. Default 4 KiB. */
  readonly alignment?: number;
  /**
   * Alignment that is tried first, and given up rather than to fail. Default: `alignment` if given, else 2 MiB for that
   * size and above, so that the IOMMU can use large pages.
   */
  readonly preferredAlignment?: number;
  /**
   * How many bytes past a multiple of `preferredAlignment` the address is to be; taken modulo that. For a part of memory in
   * large pages this is its offset there: an IOMMU uses large pages only where address and memory lie alike. Default 0.
   */
  readonly phase?: number;
}

/** A size in bytes as whole units. @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkSize(size: number): number {
  return Math.ceil(checkInteger("size", size, 1, Number.MAX_SAFE_INTEGER) / UNIT);
}

/** An alignment in bytes as units, 1 for any below. @throws PciError `ERR_INVALID_ARGUMENT` for no power of two */
export function alignmentUnits(bytes: number): number {
  return checkPowerOfTwo("alignment", bytes) <= UNIT ? 1 : bytes / UNIT;
}

/** @throws PciError `ERR_MISALIGNED`, with the addresses on both sides as hint */
export function checkIovaAligned(iova: Iova, alignment: number): void {
  const excess = iova % BigInt(alignment);
  if (excess === 0n) return;
  const below = iova - excess;
  throw new PciError("ERR_MISALIGNED", `IOVA ${hex(iova)} is not a multiple of ${hex(alignment)}`, {
    hint: `use ${hex(below)} or ${hex(below + BigInt(alignment))}`,
  });
}

/** A phase in bytes as units. @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_MISALIGNED` */
export function phaseUnits(bytes: number, alignment: number): number {
  if (bytes === 0) return 0;
  checkAligned("phase", checkInteger("phase", bytes, 0, Number.MAX_SAFE_INTEGER), UNIT);
  return (bytes / UNIT) % alignment;
}
