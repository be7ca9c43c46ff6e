import { checkInteger, checkType, type Iova } from "@userpci/interface";
import { checkPowerOfTwo } from "./element-layout.ts";

/** Bytes of the largest segment unless another limit is given: whole pages, in a length of 32 bits. */
const LARGEST = 2 ** 32 - 4096;

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
  if (boundary !== 0) checkPowerOfTwo("boundary", boundary);
  return { maxSegmentSize, boundary };
}

/** Lets bytes through that are a part of `most`. @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` */
export function checkPart(most: number, offset: number, size: number): void {
  checkInteger("offset", offset, 0, most - 1);
  checkInteger("size", size, 1, most - offset);
}
