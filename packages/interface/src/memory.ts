/** How {@link MemorySource.alloc} may be asked. */
export interface MemoryOptions {
  /** Page size in bytes: the system's (default), 2 MiB or 1 GiB. */
  readonly pageSize?: number;
  /** Whether smaller pages will do where there are none of `pageSize`; `DmaMemory.pageSize` tells. Default false. */
  readonly fallback?: boolean;
  /** Name for people, shown in `/proc/PID/maps` where the source can. */
  readonly label?: string;
}

/** Bytes of JavaScript's own: a Buffer or another view, or all of a buffer. */
export type DmaBytes = ArrayBufferView | ArrayBufferLike;

/** How {@link MemorySource.adopt} may be asked. */
export interface AdoptOptions {
  /**
   * Whether bytes may be adopted that do not begin and end at page boundaries. An IOMMU maps whole pages, so devices then
   * reach what else of this process is in the first and the last of them: other buffers, and what `malloc` notes between
   * them. What a device writes there by mistake or malice corrupts the process. Only for devices that are trusted as the
   * process itself is. Default false.
   */
  readonly exposeNeighbours?: boolean;
}

/** A file by its path or by an open descriptor, such as a `FileHandle` of `node:fs/promises`. */
export type DmaFile = { readonly path: string } | { readonly fd: number };

/** How {@link MemorySource.openFile} may be asked. */
export interface DmaFileOptions {
  /** Bytes into the file, a page multiple. Default 0. */
  readonly offset?: number;
  /** Bytes, above 0. Default: to the end of the file. */
  readonly size?: number;
  /**
   * For a file that may only be read: devices then see it `to-device`, and what this program writes to the bytes is seen
   * by itself alone. Default false.
   */
  readonly readOnly?: boolean;
}

/**
 * Memory that devices may be given access to. Its bytes never move and are not collected while it is open. What
 * {@link MemorySource.alloc} gives is zero at first.
 */
export interface DmaMemory extends Disposable {
  /** Size in bytes, a multiple of `pageSize`; it begins at a page boundary. */
  readonly size: number;
  /** Page size in bytes that really backs the memory. */
  readonly pageSize: number;
  /**
   * The bytes. Detached on close, so that views have length 0, unless it is the caller's own: see
   * {@link MemorySource.adopt}.
   */
  readonly buffer: ArrayBuffer;
  /** Where in `buffer` the memory begins, in bytes: below 0 if its first page begins before the buffer. Default 0. */
  readonly byteOffset?: number;
  /** How many bytes from its beginning are not the caller's, who goes on from there. Default 0. */
  readonly lead?: number;
  /** How many bytes the caller meant; the memory is whole pages. Default: all from `lead` on. */
  readonly length?: number;
  /** Whether devices can be given it `to-device` only. Default false. */
  readonly readOnly?: boolean;
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
  /**
   * {@link close}, with what takes long off this thread: it is closed at once, and its pages are free when this resolves.
   * Absent, or the same, where closing is quick.
   *
   * @throws PciError as {@link close}
   */
  closeAsync?(): Promise<void>;
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
  /**
   * Makes memory of bytes that the caller has. Until it is closed they stay where they are, and are given to nobody else:
   * the buffer may be collected, detached or transferred meanwhile. Closing it leaves the bytes as they are. Absent where
   * memory has no address that a device could be given.
   *
   * Its `buffer` is the caller's, which may be a SharedArrayBuffer.
   *
   * @throws PciError `ERR_MISALIGNED` for bytes that are not whole pages, unless `exposeNeighbours`;
   * `ERR_INVALID_ARGUMENT` for what are no bytes, or none that stay where they are; `ERR_NOT_SUPPORTED`
   */
  adopt?(bytes: DmaBytes, options?: AdoptOptions): DmaMemory;
  /**
   * Makes memory of a file, which other programs may have mapped too. A descriptor is duplicated and stays the caller's. A
   * page of a file that was shortened reads as all ones. Absent where files are no memory.
   *
   * @throws PciError `ERR_MISALIGNED`, `ERR_OUT_OF_RANGE` past the end of the file, `ERR_INVALID_ARGUMENT`, or a system
   * error
   */
  openFile?(file: DmaFile, options?: DmaFileOptions): DmaMemory;
}
