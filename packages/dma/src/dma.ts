import {
  checkInteger,
  checkMethods,
  checkType,
  type DmaMemory,
  featureMissing,
  type IommuDomain,
  type MapOptions,
  type MemorySource,
  PciError,
  UnderWay,
} from "@userpci/interface";
import type { DmaBuffer } from "./buffer.ts";
import { BufferSet } from "./buffer-set.ts";
import { discard } from "./discard.ts";
import type { DmaAllocOptions, DmaDevice } from "./dma-options.ts";
import { makeElements } from "./elements.ts";
import { type DmaMapOptions, type DmaMappable, memoryOf } from "./mappable.ts";
import { type DmaPool, type DmaPoolOptions, planPool } from "./pool.ts";
import { type DmaRing, type DmaRingOptions, planRing } from "./ring.ts";
import { checkFits, type DmaUsage, usageOf } from "./usage.ts";

/** Bytes of the largest buffer: half of what a process can address (x86-64). */
const LARGEST = 2 ** 46;

const wantedDevice =
  "pass what a backend has opened: openDevice() has that as device.backendDevice, and its memory as device.dma";

/**
 * The DMA memory of one device: allocates it, maps it, and keeps it until the device no longer sees it. The first of two
 * to be closed may be this or any of its buffers; what the domain maps for others is left alone.
 */
export class Dma implements AsyncDisposable, Disposable {
  readonly #device: DmaDevice;
  readonly #domain: IommuDomain;
  readonly #memory: MemorySource;
  readonly #owner: string | undefined;
  readonly #addressBits: number;
  readonly #buffers = new BufferSet();
  readonly #underWay = new UnderWay();
  #closed = false;

  /** @throws PciError `ERR_INVALID_ARGUMENT` for what is no device, `ERR_OUT_OF_RANGE` for an address width that is none */
  constructor(device: DmaDevice) {
    checkType("device", device, "object", wantedDevice);
    const { domain, memory, address, addressBits = 64 } = device;
    checkType("device.domain", domain, "object", wantedDevice);
    checkType("device.memory", memory, "object", wantedDevice);
    if (address !== undefined) checkType("device.address", address, "string");
    this.#device = device;
    this.#domain = domain;
    this.#memory = memory;
    this.#owner = address;
    this.#addressBits = checkInteger("addressBits", addressBits, 12, 64);
  }

  /** Whether it or its device was closed: nothing is allocated or mapped any more. */
  get closed(): boolean {
    return this.#closed || this.#device.closed === true;
  }

  /** The widest address, in bits, that the device can drive. */
  get addressBits(): number {
    return this.#addressBits;
  }

  /** Bytes that the device can reach, and that are therefore pinned: those of {@link buffers} added up (row R13). */
  get pinnedBytes(): number {
    return this.#buffers.pinnedBytes;
  }

  /** Buffers that were ever made, and their bytes, closed ones too: two looks at it make a rate. */
  get made(): { readonly buffers: number; readonly bytes: number } {
    return this.#buffers.made;
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
    return this.#buffers.list();
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
    return this.#underWay.track(this.#mapTo(memory, options, true));
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
    this.#checkReady();
    const given = memoryOf(this.#memory, memory, options);
    return this.#underWay.track(this.#mapTo(given.memory, given.options, given.made));
  }

  /** {@link map} on this thread. */
  mapSync(memory: DmaMappable, options: DmaMapOptions = {}): DmaBuffer {
    this.#checkReady();
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
    return makeElements(plan, await this.alloc(plan.size, plan.options));
  }

  /** {@link pool} on this thread. */
  poolSync(options: DmaPoolOptions): DmaPool {
    const plan = planPool(options);
    return makeElements(plan, this.allocSync(plan.size, plan.options));
  }

  /**
   * Allocates a ring of descriptors.
   *
   * @throws PciError what {@link alloc} throws; `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` for the descriptors
   */
  async ring(options: DmaRingOptions): Promise<DmaRing> {
    const plan = planRing(options);
    return makeElements(plan, await this.alloc(plan.size, plan.options));
  }

  /** {@link ring} on this thread. */
  ringSync(options: DmaRingOptions): DmaRing {
    const plan = planRing(options);
    return makeElements(plan, this.allocSync(plan.size, plan.options));
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
    await this.#underWay.idle();
    await this.#buffers.close();
  }

  /**
   * {@link close} on this thread. Calls under way undo themselves later; buffers that a call of theirs is closing are left
   * to it, and stay in {@link buffers} until then.
   */
  closeSync(): void {
    this.#closed = true;
    this.#buffers.closeSync();
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
    this.#checkReady();
    checkMethods("device.memory", this.#memory, ["alloc"]);
    checkType("options", options, "object");
    checkInteger("size", size, 1, LARGEST);
    const { pageSize, fallback, label } = options;
    if (pageSize !== undefined) checkInteger("pageSize", pageSize, 1, LARGEST);
    if (fallback !== undefined) checkType("fallback", fallback, "boolean");
    if (label !== undefined) checkType("label", label, "string");
    const { pageSize: page } = this.#domain;
    return this.#memory.alloc(Math.ceil(size / page) * page, {
      ...(pageSize !== undefined && { pageSize }),
      ...(fallback !== undefined && { fallback }),
      ...(label !== undefined && { label }),
    });
  }

  async #mapTo(memory: DmaMemory, options: MapOptions, ownsMemory: boolean): Promise<DmaBuffer> {
    let buffer: DmaBuffer;
    try {
      const { dirty } = this.#domain;
      const mapping = await this.#domain.map(memory, this.#narrowed(options));
      buffer = this.#buffers.add(mapping, ownsMemory, dirty);
    } catch (error) {
      throw ownsMemory ? discard(memory, this.#domain, error) : error;
    }
    if (!this.closed) return buffer;
    await buffer.close();
    throw closedMeanwhile();
  }

  #mapToSync(memory: DmaMemory, options: MapOptions, ownsMemory: boolean): DmaBuffer {
    let buffer: DmaBuffer;
    try {
      const { dirty } = this.#domain;
      const mapping = this.#domain.mapSync(memory, this.#narrowed(options));
      buffer = this.#buffers.add(mapping, ownsMemory, dirty);
    } catch (error) {
      throw ownsMemory ? discard(memory, this.#domain, error) : error;
    }
    // A property of the options may be code, which closes it.
    if (!this.closed) return buffer;
    buffer.closeSync();
    throw closedMeanwhile();
  }

  #narrowed(options: MapOptions): MapOptions {
    checkType("options", options, "object");
    const { addressBits = 64, owner = this.#owner, iova, offset, size } = options;
    const { direction, alignment, label, join } = options;
    checkInteger("addressBits", addressBits, 12, 64);
    const narrowed = Math.min(addressBits, this.#addressBits);
    // One by one: V8 takes ten times a mapping's own time for an object that is spread and then added to.
    return { iova, offset, size, direction, addressBits: narrowed, alignment, label, owner, join };
  }

  /** Before anything is made that would have to be undone. A device whose memory nobody uses needs no domain that maps. */
  #checkReady(): void {
    this.#checkOpen();
    checkMethods("device.domain", this.#domain, ["map", "mapSync", "mappings"]);
  }

  #checkOpen(): void {
    if (!this.closed) return;
    throw new PciError("ERR_CLOSED", "the device's DMA memory is closed", {
      hint: "open the device again: its DMA memory is closed with it, and with device.dma.close()",
    });
  }
}

function closedMeanwhile(): PciError {
  return new PciError("ERR_CLOSED", "the device was closed while its DMA memory was being mapped", {
    hint: "await alloc() and map() before close(): what they were making is undone",
  });
}
