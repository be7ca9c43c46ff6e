// Who compiles for a browser, with no types of Node, has no Disposable unless this brings it: it stays in the declarations.
/// <reference lib="esnext.disposable" preserve="true" />
/** Numbers of a PCI function's regions, as VFIO counts them (`linux/vfio.h`, `VFIO_PCI_*_REGION_INDEX`). */
export const regionIndex = {
  bar0: 0,
  bar1: 1,
  bar2: 2,
  bar3: 3,
  bar4: 4,
  bar5: 5,
  rom: 6,
  config: 7,
  vga: 8,
} as const;

/** A part of a region, in bytes from its start. */
export interface RegionArea {
  readonly offset: number;
  readonly size: number;
}

/** What a backend says of a region (row R16). */
export interface RegionInfo {
  /** Number of the region; 0 to 5 are BARs, see {@link regionIndex}. */
  readonly index: number;
  /** Size in bytes; 0 if the function does not have it. */
  readonly size: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Areas that can be mapped; empty if none, the whole region if the backend names no sparse areas. */
  readonly mappable: readonly RegionArea[];
  /** Whether the area of the MSI-X table may be mapped (`VFIO_REGION_INFO_CAP_MSIX_MAPPABLE`, row R6). */
  readonly msixMappable: boolean;
}

/**
 * A span of device memory, configuration space or a snapshot of them. Values are little-endian. Every `read` and `write`
 * is exactly one access of its width at a naturally aligned offset; nothing is merged, split, dropped or repeated.
 *
 * Every access throws a PciError: `ERR_OUT_OF_RANGE` past the end, `ERR_MISALIGNED`, `ERR_INVALID_ARGUMENT` for an offset
 * or a value of another type, `ERR_CLOSED`, `ERR_RESETTING` during a reset, `ERR_MEMORY_DISABLED` and `ERR_DEVICE_GONE`
 * where hardware would answer all ones. Writes to mapped memory are posted, as on the bus: one that finds nobody may be
 * reported by the next read instead.
 *
 * Of a number to write the low bits go out, as ECMAScript's bitwise operators take them: -1 is all ones, a fraction is cut
 * off, and NaN is 0. Of a bigint, the low 64 bits.
 */
export interface Region {
  /** Size in bytes. */
  readonly size: number;
  /** Reads 8 bits at byte `offset`. */
  read8(offset: number): number;
  /** Reads 16 bits at byte `offset`, a multiple of 2. */
  read16(offset: number): number;
  /** Reads 32 bits, unsigned, at byte `offset`, a multiple of 4. */
  read32(offset: number): number;
  /** Reads 64 bits, unsigned, in one access, at byte `offset`, a multiple of 8. @throws `ERR_NOT_SUPPORTED` if unmapped */
  read64(offset: number): bigint;
  /** Writes the low 8 bits of `value`. */
  write8(offset: number, value: number): void;
  /** Writes the low 16 bits of `value`. */
  write16(offset: number, value: number): void;
  /** Writes the low 32 bits of `value`. */
  write32(offset: number, value: number): void;
  /** Writes the low 64 bits of `value` in one access. @throws `ERR_NOT_SUPPORTED` if unmapped */
  write64(offset: number, value: bigint): void;
  /**
   * Fills `bytes` from byte `offset` on, aligned or not, in as few calls as the backend can. Only memory that reads the same whatever
   * the width of accesses has it, such as an expansion ROM, and only where that is quicker than {@link read32}.
   */
  readInto?(offset: number, bytes: Uint8Array): void;
}

/** A {@link Region} that holds something open, such as a mapping. */
export interface OwnedRegion extends Region, Disposable {
  readonly closed: boolean;
  /** Gives the mapping back; later accesses throw `ERR_CLOSED`. Closing twice is harmless. */
  close(): void;
}
