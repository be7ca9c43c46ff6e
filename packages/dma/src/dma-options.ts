import type { DmaDirection, IommuDomain, Iova, MemorySource } from "@userpci/interface";

/** The part of a device that `Dma` needs; a `BackendDevice` is one. */
export interface DmaDevice {
  readonly domain: IommuDomain;
  readonly memory: MemorySource;
  /** Its name, which the domain keeps with each mapping to tell whose it is. Default: none. */
  readonly address?: string;
  /** The widest address, in bits, that the device can drive: 12 to 64 (row R15). Default 64. */
  readonly addressBits?: number;
}

/** How `Dma.alloc` may be asked. */
export interface DmaAllocOptions {
  /** What the device may do. Default `bidirectional`. */
  readonly direction?: DmaDirection;
  /** Name for people, shown in errors and tools. */
  readonly label?: string;
  /** Page size in bytes of the memory: the system's (default), 2 MiB or 1 GiB. */
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
  /** Alignment of the address in bytes, a power of two. */
  readonly alignment?: number;
}
