import {
  checkInteger,
  checkType,
  type DmaDirection,
  type DmaMapping,
  type DmaMemory,
  Failures,
  featureMissing,
  type IommuDomain,
  type Iova,
  type MapOptions,
  type MemorySource,
  PciError,
} from "@userpci/interface";
import { DmaBuffer, isMapped } from "./buffer.ts";
import { type DmaMapOptions, type DmaMappable, memoryOf } from "./mappable.ts";
import { type DmaPool, type DmaPoolOptions, planPool } from "./pool.ts";
import { type DmaRing, type DmaRingOptions, planRing } from "./ring.ts";
import { checkFits, type DmaUsage, usageOf } from "./usage.ts";

/** Bytes of the largest buffer: half of what a process can address (x86-64). */
const LARGEST = 2 ** 46;

/** The part of a device that {@link Dma} needs; a `BackendDevice` is one. */
export interface DmaDevice {
  readonly domain: IommuDomain;
  readonly memory: MemorySource;
  /** Its name, which the domain keeps with each mapping to tell whose it is. Default: none. */
  readonly address?: string;
  /** The widest address, in bits, that the device can drive: 12 to 64 (row R15). Default 64. */
  readonly addressBits?: number;
}

/** How {@link Dma.alloc} may be asked. */
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
  /** Narrower than the device's for this buffer, in bits. */
  readonly addressBits?: number;
  /** Fixed address for the device, a page multiple. */
  readonly iova?: Iova;
  /** Alignment of the address in bytes, a power of two. */
  readonly alignment?: number;
}

/**
 * The DMA memory of one device: allocates it, maps it, and keeps it until the device no longer sees it. The first of two
 * to be closed may be this or any of its buffers; what the domain maps for others is left alone.
 */
export class Dma implements AsyncDisposable, Disposable {
  readonly #domain: IommuDomain;
  readonly #memory: MemorySource;
  readonly #owner: { readonly owner?: string };
  readonly #addressBits: number;
  readonly #buffers = new Set<DmaBuffer>();
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  /** @throws PciError `ERR_INVALID_ARGUMENT` for what is no device, `ERR_OUT_OF_RANGE` for an address width that is none */
  constructor(device: DmaDevice) {
    checkType("device", device, "object");
    checkType("device.domain", device.domain, "object");
    checkType("device.memory", device.memory, "object");
    this.#domain = device.domain;
    this.#memory = device.memory;
    if (device.address !== undefined) checkType("device.address", device.address, "string");
    this.#owner = device.address === undefined ? {} : { owner: device.address };
    this.#addressBits = checkInteger("addressBits", device.addressBits ?? 64, 12, 64);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The widest address, in bits, that the device can drive. */
  get addressBits(): number {
    return this.#addressBits;
  }

  /** Bytes that the device can reach, and that are therefore pinned: those of {@link buffers} added up (row R13). */
  get pinnedBytes(): number {
    let bytes = 0;
    for (const buffer of this.#buffers) bytes += buffer.pinnedBytes;
    return bytes;
  }

  /**
   * How much is pinned for the device, its domain and the process, and how much may be (row R13).
   *
   * @throws PciError `ERR_CLOSED` if the domain is closed
   */
  usage(): DmaUsage {
    return usageOf(this.#domain, this.pinnedBytes);
  }

  /**
   * Tries nothing, but tells as {@link alloc} would whether `RLIMIT_MEMLOCK` lets it have `size` bytes now. Other threads and,
   * where the kernel counts by user, other processes may take them before it is called.
   *
   * @param size bytes, above 0; those of several buffers added up, each in whole pages
   * @throws PciError `ERR_MEMLOCK` with what is used, asked and allowed, and the line that raises the limit; `ERR_CLOSED`,
   * `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT`
   */
  preflight(size: number): void {
    this.#checkOpen();
    const { pageSize } = this.#domain;
    checkFits(this.#domain, Math.ceil(checkInteger("size", size, 1, LARGEST) / pageSize) * pageSize);
  }

  /**
   * Begins or ends to note which pages the devices of the domain write: `DmaBuffer.takeWritten` tells. In iommufd the domain
   * must have been made for it: `backend.createDomain({ dirtyTracking: true })`.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` where the kernel, the IOMMU or the backend cannot, `ERR_CLOSED`
   */
  trackWrites(on: boolean): void {
    this.#checkOpen();
    checkType("on", on, "boolean");
    const { dirty } = this.#domain;
    if (dirty === undefined) throw featureMissing("dirty-tracking", "the domain");
    if (on) dirty.start();
    else dirty.stop();
  }

  /** Whether {@link trackWrites} tells pages that were written from those that only could have been. */
  get tracksExactly(): boolean {
    return this.#domain.dirty?.exact ?? false;
  }

  /** The buffers that are open, oldest first. */
  buffers(): readonly DmaBuffer[] {
    return [...this.#buffers];
  }

  /**
   * Allocates zeroed memory and maps it. Small sizes resolve at once, large ones are pinned off this thread.
   *
   * @param size bytes, above 0; rounded up to whole pages (of the memory and of the IOMMU, whichever are larger), which
   * the buffer's `size` tells
   * @throws PciError `ERR_CLOSED`, `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT`, what `MemorySource.alloc` and
   * `IommuDomain.map` throw; nothing stays allocated then
   */
  async alloc(size: number, options: DmaAllocOptions = {}): Promise<DmaBuffer> {
    const memory = this.#allocate(size, options);
    return this.#track(this.#mapTo(memory, options, true));
  }

  /** {@link alloc} on this thread. */
  allocSync(size: number, options: DmaAllocOptions = {}): DmaBuffer {
    const memory = this.#allocate(size, options);
    return this.#mapToSync(memory, options, true);
  }

  /**
   * Maps memory that the caller has, and goes on owning (row R14): `DmaMemory`, of which the buffer is to be closed before
   * it is; bytes of JavaScript's own; or a file, whose descriptor may be closed at once. Bytes and files keep their content
   * when the buffer is closed. What becomes of the bytes' own buffer meanwhile changes nothing for the device: their memory
   * is nobody else's before the mapping has ended.
   *
   * Bytes must be whole pages, unless `exposeNeighbours` lets devices reach what is around them: `SharedArrayBuffer`s that
   * can grow and WebAssembly's memory begin at a page boundary, other buffers hardly ever do.
   *
   * @throws PciError what `MemorySource.adopt` (`ERR_MISALIGNED`), `MemorySource.openFile` and `IommuDomain.map` throw;
   * `ERR_NOT_SUPPORTED` for bytes or a file where the backend's memory has no address
   */
  async map(memory: DmaMappable, options: DmaMapOptions = {}): Promise<DmaBuffer> {
    this.#checkOpen();
    const given = memoryOf(this.#memory, memory, options);
    return this.#track(this.#mapTo(given.memory, given.options, given.made));
  }

  /** {@link map} on this thread. */
  mapSync(memory: DmaMappable, options: DmaMapOptions = {}): DmaBuffer {
    this.#checkOpen();
    const given = memoryOf(this.#memory, memory, options);
    return this.#mapToSync(given.memory, given.options, given.made);
  }

  /**
   * Allocates memory cut into elements that are taken and put back.
   *
   * @throws PciError what {@link alloc} throws; `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` for the elements
   */
  async pool(options: DmaPoolOptions): Promise<DmaPool> {
    const plan = planPool(options);
    return plan.make(await this.alloc(plan.size, plan.options));
  }

  /** {@link pool} on this thread. */
  poolSync(options: DmaPoolOptions): DmaPool {
    const plan = planPool(options);
    return plan.make(this.allocSync(plan.size, plan.options));
  }

  /**
   * Allocates a ring of descriptors.
   *
   * @throws PciError what {@link alloc} throws; `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` for the descriptors
   */
  async ring(options: DmaRingOptions): Promise<DmaRing> {
    const plan = planRing(options);
    return plan.make(await this.alloc(plan.size, plan.options));
  }

  /** {@link ring} on this thread. */
  ringSync(options: DmaRingOptions): DmaRing {
    const plan = planRing(options);
    return plan.make(this.allocSync(plan.size, plan.options));
  }

  /**
   * Closes all buffers, the youngest first, and refuses new ones. A call under way is waited for, undone, and rejects with
   * `ERR_CLOSED`. Each buffer is tried; those that could not be unmapped stay in {@link buffers}, and a second call tries
   * them again.
   *
   * @throws PciError what the IOMMU said
   */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    const failures = new Failures();
    for (const buffer of this.buffers().toReversed()) await failures.tryAsync(() => buffer.close());
    failures.throwIfAny("the device's DMA memory is closed, but");
  }

  /**
   * {@link close} on this thread. Calls under way undo themselves later; buffers that a call of theirs is closing are left
   * to it, and stay in {@link buffers} until then.
   */
  closeSync(): void {
    this.#closed = true;
    const failures = new Failures();
    for (const buffer of this.buffers().toReversed()) {
      if (!buffer.closing) failures.try(() => buffer.closeSync());
    }
    failures.throwIfAny("the device's DMA memory is closed, but");
  }

  /** {@link closeSync}. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #allocate(size: number, options: DmaAllocOptions): DmaMemory {
    this.#checkOpen();
    checkType("options", options, "object");
    checkInteger("size", size, 1, LARGEST);
    const { pageSize: page } = this.#domain;
    return this.#memory.alloc(Math.ceil(size / page) * page, {
      ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
      ...(options.fallback === undefined ? {} : { fallback: options.fallback }),
      ...(options.label === undefined ? {} : { label: options.label }),
    });
  }

  async #mapTo(memory: DmaMemory, options: MapOptions, ownsMemory: boolean): Promise<DmaBuffer> {
    let mapping: DmaMapping;
    try {
      mapping = await this.#domain.map(memory, this.#narrowed(options));
    } catch (error) {
      throw ownsMemory ? this.#discarded(memory, error) : error;
    }
    const buffer = this.#adopt(mapping, ownsMemory);
    if (!this.#closed) return buffer;
    await buffer.close();
    throw new PciError("ERR_CLOSED", "the device was closed while its DMA memory was being mapped");
  }

  #mapToSync(memory: DmaMemory, options: MapOptions, ownsMemory: boolean): DmaBuffer {
    try {
      return this.#adopt(this.#domain.mapSync(memory, this.#narrowed(options)), ownsMemory);
    } catch (error) {
      throw ownsMemory ? this.#discarded(memory, error) : error;
    }
  }

  #narrowed(options: MapOptions): MapOptions {
    checkType("options", options, "object");
    const addressBits = checkInteger("addressBits", options.addressBits ?? 64, 12, 64);
    return { ...this.#owner, ...options, addressBits: Math.min(addressBits, this.#addressBits) };
  }

  #adopt(mapping: DmaMapping, ownsMemory: boolean): DmaBuffer {
    const { dirty } = this.#domain;
    const buffer = new DmaBuffer({ mapping, ownsMemory, dirty, onClose: () => this.#buffers.delete(buffer) });
    this.#buffers.add(buffer);
    return buffer;
  }

  /**
   * Frees memory whose mapping failed, unless an IOMMU would not let go of it: the domain then keeps it.
   *
   * @returns what to throw
   */
  #discarded(memory: DmaMemory, error: unknown): unknown {
    if (!this.#domain.closed && isMapped(memory, this.#domain.mappings())) return error;
    try {
      memory.close();
      return error;
    } catch (notFreed) {
      return new PciError("ERR_BUSY", `the memory could be neither mapped nor freed: ${String(error)}`, {
        cause: new AggregateError([error, notFreed], "map and close both failed"),
      });
    }
  }

  #track<R>(work: Promise<R>): Promise<R> {
    const settled: Promise<unknown> = work.then(
      () => this.#underWay.delete(settled),
      () => this.#underWay.delete(settled),
    );
    this.#underWay.add(settled);
    return work;
  }

  #checkOpen(): void {
    if (this.#closed) throw new PciError("ERR_CLOSED", "the device's DMA memory is closed");
  }
}
