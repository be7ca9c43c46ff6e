import { MAX_IOVA } from "@userpci/interface";
import { refusal } from "./descriptors.ts";

/** Bytes that a bit of the server's own log stands for. */
const UNIT = 4096;
/** Most units that are looked at in one request, 32 GiB: more would keep others waiting. */
const MOST_UNITS = 2 ** 23;

/** How a range is told in bits. */
export interface PagesIn {
  readonly pages: number;
  /** Bytes of its bitmap: whole 64-bit words, as the kernel has them. */
  readonly length: number;
}

/**
 * How many pages a range has.
 *
 * @throws PciError `EINVAL` for a page size that is no power of two from 4 KiB on, or no range of such pages; `E2BIG` for one of
 * more than 32 GiB
 */
export function pagesIn(start: bigint, size: bigint, pageSize: bigint): PagesIn {
  const isPower = pageSize >= BigInt(UNIT) && (pageSize & (pageSize - 1n)) === 0n;
  const isRange = size > 0n && start + size - 1n <= MAX_IOVA;
  if (!isPower || !isRange || start % pageSize !== 0n || size % pageSize !== 0n) {
    throw refusal(
      "EINVAL",
      `0x${size.toString(16)} bytes at 0x${start.toString(16)} in pages of ${pageSize} bytes`,
    );
  }
  if (size / BigInt(UNIT) > BigInt(MOST_UNITS)) {
    throw refusal("E2BIG", `a log of ${size} bytes; ask for ${MOST_UNITS * UNIT} at a time`);
  }
  const pages = Number(size / pageSize);
  return { pages, length: Math.ceil(pages / 64) * 8 };
}

/** A bitmap of 4 KiB units as one of larger pages. */
export function coarser(bits: Uint8Array, pageSize: number, pages: number): Uint8Array {
  const factor = pageSize / UNIT;
  if (factor === 1) return bits;
  const coarse = new Uint8Array(Math.ceil(pages / 8));
  bits.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit++) {
      const page = Math.floor((i * 8 + bit) / factor);
      if ((byte & (1 << bit)) !== 0) coarse[page >> 3]! |= 1 << (page & 7);
    }
  });
  return coarse;
}
