import { checkInteger, checkPowerOfTwo, checkType, type Iova, toIova } from "@userpci/interface";

/** Bytes of the largest segment unless another limit is given: whole pages, in a length of 32 bits. */
const LARGEST = 2 ** 32 - 4096;

/** Bytes of the largest source: sums of two stay exact. */
export const LARGEST_SOURCE = 2 ** 52;

/** What a device accepts as one segment. */
export interface SegmentLimits {
  /** Bytes of the largest, 1 to 2^32 - 1. Default 2^32 - 4096. */
  readonly maxSegmentSize?: number;
  /** Power of two whose multiples no segment crosses, such as 4096 for the PRP entries of NVMe; 0 for none. Default 0. */
  readonly boundary?: number;
}

/** What a device sees at one address: a `DmaBuffer`, or a mapping of a domain. */
export interface DmaSource {
  readonly iova: Iova;
  /** In bytes. */
  readonly size: number;
  /** Halves of the address, if it has them at hand. */
  readonly iovaLo?: number;
  readonly iovaHi?: number;
}

/** Some bytes of what a device sees. */
export interface DmaRange {
  readonly source: DmaSource;
  /** Bytes into it. Default 0. */
  readonly offset?: number;
  /** Bytes. Default: to the end. */
  readonly size?: number;
}

/** Bytes that follow each other for a device. */
export interface DmaSegment {
  readonly iova: Iova;
  /** In bytes. */
  readonly size: number;
}

/** Limits with the defaults filled in. @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` */
export function checkLimits(limits: SegmentLimits): Required<SegmentLimits> {
  checkType("limits", limits, "object");
  const { maxSegmentSize = LARGEST, boundary = 0 } = limits;
  checkInteger("maxSegmentSize", maxSegmentSize, 1, 2 ** 32 - 1);
  if (boundary !== 0) checkPowerOfTwo("boundary", boundary, 2 ** 32);
  return { maxSegmentSize, boundary };
}

/**
 * Bytes of a part of `most`.
 *
 * @param offset where it begins
 * @param size what was asked for; undefined for all from `offset` on
 * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT`, also for a `most` that is no number of bytes
 */
export function partSize(most: number, offset: number, size: number | undefined): number {
  // Looked at before anything is computed with it: of these alone, arithmetic calls no code of the caller's.
  if (
    Number.isSafeInteger(most) &&
    most <= LARGEST_SOURCE &&
    Number.isSafeInteger(offset) &&
    offset >= 0 &&
    offset < most
  ) {
    const rest = most - offset;
    if (size === undefined) return rest;
    if (Number.isSafeInteger(size) && size >= 1 && size <= rest) return size;
  }
  checkInteger("the size of the source", most, 0, LARGEST_SOURCE);
  checkInteger("offset", offset, 0, most - 1);
  return checkInteger("size", size ?? most - offset, 1, most - offset);
}

/** Lets 64-bit addresses through. @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkIova(name: string, iova: Iova): Iova {
  checkType(name, iova, "bigint");
  return toIova(iova);
}
