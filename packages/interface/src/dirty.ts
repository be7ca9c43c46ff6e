import type { Iova } from "./iova.ts";

/** Which pages devices write, while that is noted. */
export interface DirtyLog {
  /** Bytes that one bit stands for. Of a page that an IOMMU maps as a larger one, all bits are set if one is. */
  readonly pageSize: number;
  /**
   * Whether pages are told apart that devices wrote. If not, all that they could have written are told: type1 has no dirty
   * bits of an IOMMU, and reports what is pinned (`vfio_iova_dirty_bitmap` in `drivers/vfio/vfio_iommu_type1.c`).
   */
  readonly exact: boolean;
  /** Begins to note. Harmless twice: nothing is forgotten. @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED` */
  start(): void;
  /** Ends that, and forgets what was noted. Harmless twice. @throws PciError `ERR_CLOSED` */
  stop(): void;
  /**
   * The pages of a range that devices have written since {@link start}, or since the range was last taken.
   *
   * @param iova of what is mapped, a page multiple
   * @param size in bytes, a page multiple; a mapper takes whole mappings only
   * @returns a bitmap: page `n` of the range is bit `n % 8` of byte `n / 8`
   * @throws PciError `ERR_INVALID_ARGUMENT` if nothing is noted, or nothing mapped there; `ERR_NOT_SUPPORTED`, `ERR_CLOSED`
   */
  take(iova: Iova, size: number): Uint8Array;
}
