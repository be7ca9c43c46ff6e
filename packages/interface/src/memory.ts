/** How {@link MemorySource.alloc} may be asked. */
export interface MemoryOptions {
  /** Page size in bytes: the system's (default), 2 MiB or 1 GiB. */
  readonly pageSize?: number;
  /** Name for people, shown in `/proc/PID/maps` where the source can. */
  readonly label?: string;
}

/**
 * Memory that devices may be given access to. Its bytes never move and are not collected while it is open; they are
 * zero at first.
 */
export interface DmaMemory extends Disposable {
  /** Size in bytes, a multiple of `pageSize`. */
  readonly size: number;
  /** Page size in bytes that really backs the memory. */
  readonly pageSize: number;
  /** The bytes. Detached on close: views then have length 0. */
  readonly buffer: ArrayBuffer;
  /** Address in this process, if it has one that a kernel can pin. */
  readonly address?: bigint;
  /** File behind the memory, if another process could map it. */
  readonly file?: { readonly fd: number; readonly offset: number };
  readonly closed: boolean;
  /**
   * Counts one more user, such as a mapping; until each has called {@link release}, `close` refuses (row R14). A domain
   * calls the two if the memory has them; the `dma` package never closes memory under a mapping either way.
   */
  retain?(): void;
  /**
   * Lets other threads of this process see the bytes, as many as like, each by a mapping of its own. Absent where memory
   * cannot leave its thread.
   *
   * @throws PciError `ERR_CLOSED`, or a system error if no descriptor is left
   */
  share?(): SharedMemory;
  /** Ends what {@link retain} began. @throws PciError `ERR_INVALID_ARGUMENT` if nothing did; nothing changes then */
  release?(): void;
  /** Gives the memory back. Harmless twice. @throws PciError `ERR_BUSY` while users are counted */
  close(): void;
}

/**
 * What another thread needs to see memory: plain data for `postMessage` or `workerData`. What else is in it is between
 * {@link DmaMemory.share} and the function of the same package that maps it, such as `mapSharedMemory` of
 * `@userpci/vfio-native`.
 */
export interface SharedMemory {
  /** Kind of memory, such as `memfd`. */
  readonly type: string;
}

/** Memory of another thread, mapped by this one. It can be used until it is closed here, whatever becomes of the other. */
export interface SharedMemoryView extends Disposable {
  /** Size in bytes: the whole memory. */
  readonly size: number;
  /** The bytes. Detached on close: views then have length 0. */
  readonly buffer: ArrayBuffer;
  readonly closed: boolean;
  /** Whether the thread that it is from has closed it, or has ended: devices no longer see the bytes. Asks the system. */
  readonly ended: boolean;
  /** Gives up this thread's view. Harmless twice. */
  close(): void;
}

/** Where memory for DMA comes from: a sealed shared memfd natively, an ArrayBuffer for emulated devices. */
export interface MemorySource {
  readonly name: string;
  /** Smallest page size in bytes. */
  readonly pageSize: number;
  /**
   * Allocates zeroed memory.
   *
   * @param size bytes, above 0; rounded up to the page size
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NOT_SUPPORTED` for a page size the source lacks, or a system error
   */
  alloc(size: number, options?: MemoryOptions): DmaMemory;
}
