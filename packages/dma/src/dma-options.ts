import type { DmaDirection, IommuDomain, Iova, MemorySource } from "@userpci/interface";

/** The part of a device that `Dma` needs; a `BackendDevice` is one. */
export interface DmaDevice {
  /**
   * Where its memory is mapped. An object, else `Dma`'s constructor throws `ERR_INVALID_ARGUMENT`; one that cannot map makes
   * `alloc` and `map` throw that.
   */
  readonly domain: IommuDomain;
  /** Where its memory comes from. An object, as {@link domain}; one that cannot allocate makes `alloc` throw that. */
  readonly memory: MemorySource;
  /** Its name, which the domain keeps with each mapping to tell whose it is. Default: none. */
  readonly address?: string;
  /** The widest address, in bits, that the device can drive: 12 to 64 (row R15), else `ERR_OUT_OF_RANGE`. Default 64. */
  readonly addressBits?: number;
  /** Whether it is closed, or about to be: nothing is then allocated or mapped for it. Read at each call. Default false. */
  readonly closed?: boolean;
}

/** How `Dma.alloc` may be asked. */
export interface DmaAllocOptions {
  /** What the device may do. Default `bidirectional`. */
  readonly direction?: DmaDirection;
  /** Name for people, shown in errors and tools. */
  readonly label?: string;
  /**
   * Page size in bytes of the memory: the system's (default), 2 MiB or 1 GiB. `ERR_NOT_SUPPORTED` for one that the system
   * lacks, `ERR_OUT_OF_RANGE` outside 1 to 2^46.
   */
  readonly pageSize?: number;
  /**
   * Whether smaller pages will do where the system has too few free ones of `pageSize`: the buffer's `pageSize` tells which
   * it got. Default false: that is an error, which tells how many are needed, how many are free, and how to have more.
   */
  readonly fallback?: boolean;
  /** Narrower than the device's for this buffer: 12 to 64 bits, else `ERR_OUT_OF_RANGE`. Default: the device's. */
  readonly addressBits?: number;
  /**
   * Fixed address for the device, a page multiple (`ERR_MISALIGNED`), which must be free (`ERR_IOVA_OVERLAP`), valid, and
   * within the device's address width (`ERR_IOVA_RANGE`). Default: one that the domain chooses.
   */
  readonly iova?: Iova;
  /**
   * Alignment of the address in bytes, a power of two (`ERR_INVALID_ARGUMENT`) from 1 to 2^63 (`ERR_OUT_OF_RANGE`); below a page
   * it is a page. A fixed address must be a multiple of it (`ERR_MISALIGNED`). Default: one that lets large pages be used.
   */
  readonly alignment?: number;
}
