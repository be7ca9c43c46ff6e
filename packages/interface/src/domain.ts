import type { Iova, IovaRange } from "./iova.ts";
import type { DmaMemory } from "./memory.ts";

/**
 * What the device may do with memory: read it (`to-device`), write it (`from-device`) or both. No IOMMU lets a device
 * write what is `to-device`. Some let it read what is `from-device`: Intel's does since Linux 5.12, which maps nothing
 * write-only (`__domain_mapping` in `drivers/iommu/intel/iommu.c`).
 */
export type DmaDirection = "to-device" | "from-device" | "bidirectional";

/** What an IOMMU behind a domain can do at this moment. */
export interface MapperLimits {
  /** Addresses that may be mapped, ascending, disjoint; reserved regions such as the MSI window are left out. */
  readonly ranges: readonly IovaRange[];
  /** Smallest mappable page, in bytes. */
  readonly pageSize: number;
  /** How many more mappings fit (type1 counts them), or undefined if there is no such limit. */
  readonly mappingsLeft?: number;
}

/** A request to an IOMMU: memory from `offset` on, `size` bytes, at `iova`. All are page multiples. */
export interface MapRequest {
  readonly iova: Iova;
  readonly size: number;
  readonly memory: DmaMemory;
  /** Bytes into the memory. */
  readonly offset: number;
  readonly direction: DmaDirection;
}

/**
 * One IOMMU address space: a container, an IOAS, a vfio-user peer, an emulated device. A domain maps into all of its
 * mappers. Methods throw PciError and leave nothing behind when they do.
 */
export interface DmaMapper {
  /** For messages: "container", "iommufd ioas 3". */
  readonly name: string;
  /** What it can map now. */
  limits(): MapperLimits;
  /** Makes one mapping, at the address that the request names. */
  map(request: MapRequest): Promise<void>;
  /** {@link map} on this thread. */
  mapSync(request: MapRequest): void;
  /** Removes exactly what {@link map} made. */
  unmap(iova: Iova, size: number): Promise<void>;
  /** {@link unmap} on this thread. */
  unmapSync(iova: Iova, size: number): void;
  /** Called by the domain when it no longer uses the mapper, after all of its mappings are gone. */
  close(): void;
}

/** How memory is to be mapped. */
export interface MapOptions {
  /** Fixed address; without it the domain's allocator chooses. */
  readonly iova?: Iova;
  /** Bytes into the memory at which the mapping begins; a page multiple. Default 0. */
  readonly offset?: number;
  /** Bytes to map; a page multiple. Default: to the end of the memory. */
  readonly size?: number;
  /** Default `bidirectional`. */
  readonly direction?: DmaDirection;
  /** The widest address, in bits, that the device can drive (row R15). Default 64. */
  readonly addressBits?: number;
  /** Alignment of the chosen address in bytes, a power of two. Default: one that lets large pages be used. */
  readonly alignment?: number;
  /** Name for people, kept with the mapping and shown in errors and tools. */
  readonly label?: string;
}

/** Memory as the device sees it, until {@link DmaMapping.unmap}. */
export interface DmaMapping extends AsyncDisposable, Disposable {
  readonly iova: Iova;
  readonly size: number;
  readonly direction: DmaDirection;
  readonly memory: DmaMemory;
  readonly offset: number;
  readonly label: string | undefined;
  readonly closed: boolean;
  /** Takes the memory away from the device. Harmless twice. */
  unmap(): Promise<void>;
  /** {@link unmap} on this thread. */
  unmapSync(): void;
}

/** A device's membership in a domain. */
export interface DomainAttachment {
  /** The device leaves the domain, which keeps its mappings and its mappers until it closes. Harmless twice. */
  detach(): void;
}

/**
 * An I/O address space as a handle of its own (row R3): the allocator of addresses and the table of mappings, over one
 * or more mappers. Devices are opened into it.
 *
 * After `close` the counts still answer (`attached` and `mappedBytes`, 0 unless an IOMMU would not let go, and
 * `pageSize`); all else throws `ERR_CLOSED`.
 */
export interface IommuDomain extends AsyncDisposable, Disposable {
  readonly closed: boolean;
  /** Number of devices in it. */
  readonly attached: number;
  /** Addresses that may be mapped: what all mappers allow. Empty before the first attach. */
  readonly ranges: readonly IovaRange[];
  /** Smallest mappable page in bytes, over all mappers. */
  readonly pageSize: number;
  /** The live mappings, by ascending IOVA. */
  mappings(): Iterable<DmaMapping>;
  /** The mapping that holds `iova`, if any, in O(log n). */
  find(iova: bigint): DmaMapping | undefined;
  /** Sum of the sizes of the live mappings, in bytes. */
  readonly mappedBytes: number;
  /**
   * Adds a device whose DMA goes through `mapper`. A mapper that is new to the domain gets the whole table replayed;
   * if that fails the domain is as it was. The replay is synchronous: this thread waits while what is mapped already is
   * pinned once more, which takes milliseconds for each 64 MiB of small pages. Open devices before mapping large memory.
   *
   * @param device name for messages, such as the PCI address
   * @throws PciError `ERR_CLOSED`, `ERR_IOVA_RANGE` if a live mapping lies outside what the mapper allows
   */
  attach(mapper: DmaMapper, device: string): DomainAttachment;
  /**
   * Makes memory visible to the devices. Resolves at once for small sizes, and maps off this thread for large ones.
   *
   * @throws PciError `ERR_DOMAIN_EMPTY` before the first attach, `ERR_CLOSED`, `ERR_MISALIGNED`, `ERR_OUT_OF_RANGE`,
   * `ERR_IOVA_RANGE`, `ERR_IOVA_OVERLAP`, `ERR_IOVA_EXHAUSTED`, `ERR_MEMLOCK`, `ERR_MAPPING_LIMIT`
   */
  map(memory: DmaMemory, options?: MapOptions): Promise<DmaMapping>;
  /** {@link map} on this thread. */
  mapSync(memory: DmaMemory, options?: MapOptions): DmaMapping;
  /**
   * Unmaps everything and gives the address space back. Harmless twice.
   *
   * @throws PciError `ERR_DOMAIN_IN_USE` while devices are attached
   */
  close(): Promise<void>;
  /** {@link close} on this thread. */
  closeSync(): void;
}
