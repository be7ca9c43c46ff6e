import { checkInteger, checkPowerOfTwo, checkType, PciError } from "@userpci/interface";

/** Elements of the largest pool or ring. */
const MOST_ELEMENTS = 2 ** 24;

/** Bytes of the largest: offsets are 32-bit numbers. */
export const MOST_BYTES = 2 ** 32;

/** Elements that begin on cache lines share none, so that two of them are written by two threads or a device at full speed. */
const CACHE_LINE = 64;

/** What is to be laid out. */
export interface LayoutRequest {
  /** Bytes of an element, above 0. */
  readonly elementSize: number;
  /** How many, 1 to 2^24. */
  readonly count: number;
  /** Multiple, a power of two, that each element begins at. Default: the element's size, at most 64. */
  readonly alignment?: number | undefined;
  /** Power of two whose multiples no element crosses unless it is larger than that; 0 for none. Default 4096. */
  readonly boundary?: number | undefined;
}

/** Where elements of one size lie in memory: in blocks, within which they follow each other at `stride`. */
export interface ElementLayout {
  readonly elementSize: number;
  readonly count: number;
  /** Bytes from an element to the next in its block. */
  readonly stride: number;
  readonly perBlock: number;
  /** Bytes left over at the end of each block; often 0. */
  readonly gap: number;
  /** Bytes of all of it. */
  readonly size: number;
  /** What the address of the first element must be a multiple of, for the others to be where they are to be. */
  readonly alignment: number;
}

/**
 * Lays elements out in order, none across a multiple of the boundary: an element that is larger begins at one.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
 */
export function layOut({ elementSize, count, alignment, boundary = 4096 }: LayoutRequest): ElementLayout {
  checkInteger("elementSize", elementSize, 1, MOST_BYTES);
  checkInteger("count", count, 1, MOST_ELEMENTS);
  const align = checkPowerOfTwo(
    "alignment",
    alignment ?? Math.min(powerFrom(elementSize), CACHE_LINE),
    MOST_BYTES,
  );
  const limit = boundary === 0 ? MOST_BYTES : checkPowerOfTwo("boundary", boundary, MOST_BYTES);
  const isLarger = elementSize > limit;
  const stride = roundUp(elementSize, isLarger ? Math.max(align, limit) : align);
  const isWhole = isLarger || stride >= limit || boundary === 0;
  const perBlock = isWhole ? count : Math.floor((limit - elementSize) / stride) + 1;
  const gap = isWhole ? 0 : limit - perBlock * stride;
  const size = sizeOf({ elementSize, count, stride, perBlock, gap });
  if (size > MOST_BYTES) {
    throw new PciError("ERR_OUT_OF_RANGE", `${count} elements take ${size} bytes, more than ${MOST_BYTES}`, {
      hint: "make several pools or rings",
    });
  }
  return {
    elementSize,
    count,
    stride,
    perBlock,
    gap,
    size,
    alignment: boundary === 0 ? align : Math.max(align, limit),
  };
}

/**
 * Copies a layout that another thread made, if its elements lie in order, apart from each other and in as many bytes as it
 * says.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
 */
export function checkLayout(given: ElementLayout): ElementLayout {
  checkType("layout", given, "object");
  const { elementSize, count, stride, perBlock, gap, size, alignment } = given;
  checkInteger("elementSize", elementSize, 1, MOST_BYTES);
  checkInteger("count", count, 1, MOST_ELEMENTS);
  checkInteger("stride", stride, elementSize, MOST_BYTES);
  checkInteger("perBlock", perBlock, 1, MOST_BYTES);
  checkInteger("gap", gap, 0, MOST_BYTES);
  checkPowerOfTwo("alignment", alignment, MOST_BYTES);
  const needed = sizeOf({ elementSize, count, stride, perBlock, gap });
  checkInteger("size", size, needed, Math.min(needed, MOST_BYTES));
  return { elementSize, count, stride, perBlock, gap, size, alignment };
}

/** Bytes from the first element to the end of the last. */
function sizeOf({ elementSize, count, stride, perBlock, gap }: Omit<ElementLayout, "size" | "alignment">) {
  const last = count - 1;
  return last * stride + Math.floor(last / perBlock) * gap + elementSize;
}

/** The smallest power of two that is at least `value`, for 1 to 2^32. */
function powerFrom(value: number): number {
  return value === 1 ? 1 : 2 ** (32 - Math.clz32(value - 1));
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
