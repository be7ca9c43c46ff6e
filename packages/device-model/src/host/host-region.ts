import type { RegionInfo } from "@userpci/interface";

/** A region of a hosted function. Spans lie inside it. */
export interface HostRegion {
  readonly info: RegionInfo;
  read(offset: number, target: Uint8Array): void;
  write(offset: number, source: Uint8Array): void;
}

/** Bytes of the next access of a span, as `vfio_pci_core_do_io_rw` splits: the widest that is aligned and fits. */
export function widthAt(offset: number, left: number, widest: 4 | 8): 1 | 2 | 4 | 8 {
  if (widest === 8 && left >= 8 && offset % 8 === 0) return 8;
  if (left >= 4 && offset % 4 === 0) return 4;
  return left >= 2 && offset % 2 === 0 ? 2 : 1;
}

/** A little-endian number of up to 32 bits out of bytes: unsigned. */
export function numberAt(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let byte = 0; byte < width; byte++) value |= bytes[at + byte]! << (8 * byte);
  return value >>> 0;
}

/** Puts a little-endian number of up to 32 bits into bytes. */
export function putNumber(bytes: Uint8Array, at: number, width: number, value: number): void {
  for (let byte = 0; byte < width; byte++) bytes[at + byte] = value >>> (8 * byte);
}

/** What there is to say of a region that cannot be accessed: it is not there, or nobody has the device open. */
export const absentRegion = (index: number, size: number): RegionInfo => ({
  index,
  size,
  readable: size > 0,
  writable: size > 0,
  mappable: [],
  msixMappable: false,
});
