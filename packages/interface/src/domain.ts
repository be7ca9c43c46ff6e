import type { DirtyLog } from "./dirty.ts";
import type { Iova, IovaRange } from "./iova.ts";
import type { DmaMemory } from "./memory.ts";
import type { PinBudget } from "./pins.ts";

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

/** What another process needs, to map into the same IOMMU: to be sent with `SCM_RIGHTS`. */
export interface MapperDescriptor {
  /** `vfio-container`, or `iommufd-ioas`, whose descriptor is the iommufd. */
  readonly kind: "vfio-container" | "iommufd-ioas";
  /** Descriptor in this process; it stays the mapper's. */
  readonly fd: number;
  /** Number of the IOAS in its iommufd. */
  readonly object?: number;
}

/**
 * One IOMMU address space: a container, an IOAS, a vfio-user peer, an emulated device. A domain maps into all of its
 * mappers. Methods throw PciError and leave nothing behind when they do.
 */
export interface DmaMapper {
  /** For messages: "container", "iommufd ioas 3". */
  readonly name: string;
  /** Which pages devices write, where that can be noted. */
  readonly dirty?: DirtyLog;
  /** What it can map now. */
  limits(): MapperLimits;
  /**
   * What another process can map through, which is trusted with the address space from then on. Absent: there is no such thing.
   *
   * @throws PciError `ERR_CLOSED`
   */
  share?(): MapperDescriptor;
  /** What is pinned and may be, where the kernel counts it. Absent: mappings pin nothing. */
  pins?(): PinBudget;
  /** Makes one mapping, at the address that the request names. */
  map(request: MapRequest): Promise<void>;
  /** {@link map} on this thread. */
  mapSync(request: MapRequest): void;
  /** Removes exactly what {@link map} made. */
  unmap(iova: Iova, size: number): Promise<void>;
  /** {@link unmap} on this thread. */
  unmapSync(iova: Iova, size: number): void;
  /**
   * Removes whatever is mapped there, by this process or another that it was {@link share}d with; nothing is no error.
   * For mappers that can be shared.
   */
  sweepSync?(iova: Iova, size: number): void;
  /** Called by the domain when it no longer uses the mapper, after all of its mappings are gone. */
  close(): void;
}

/** How memory is to be mapped. */
export interface MapOptions {
  /** Fixed address; without it the domain's allocator chooses. */
  readonly iova?: Iova | undefined;
  /** Bytes into the memory at which the mapping begins; a page multiple. Default 0. */
  readonly offset?: number | undefined;
  /** Bytes to map; a page multiple. Default: to the end of the memory. */
  readonly size?: number | undefined;
  /** Default `bidirectional`. */
  readonly direction?: DmaDirection | undefined;
  /** The widest address, in bits, that the device can drive (row R15). Default 64. */
  readonly addressBits?: number | undefined;
  /**
   * Alignment of the address in bytes, a power of two (`ERR_INVALID_ARGUMENT`) from 1 to 2^63 (`ERR_OUT_OF_RANGE`); below a page
   * it is a page. Default: one that lets large pages be used.
   */
  readonly alignment?: number | undefined;
  /** Name for people, kept with the mapping and shown in errors and tools. */
  readonly label?: string | undefined;
  /** Whom it belongs to, such as a device's address; kept and shown as the label is. */
  readonly owner?: string | undefined;
  /**
   * Lets parts of one memory share one mapping of all of it, where their direction, width and addresses allow that: very
   * many buffers then take one of the mappings that an IOMMU can hold, and lie side by side as in the memory. Devices
   * reach the whole memory as long as one part of it is mapped so. Default false.
   */
  readonly join?: boolean | undefined;
}

/** What a mapping was or is, for people and tools. */
export interface MappingLife {
  readonly iova: Iova;
  readonly size: number;
  readonly direction: DmaDirection;
  readonly label: string | undefined;
  readonly owner: string | undefined;
  /** Milliseconds since it was unmapped; undefined while it is live. */
  readonly unmappedMsAgo: number | undefined;
}

/** A mapping near an address that has none. */
export interface MappingNeighbour extends MappingLife {
  /** Bytes between the two: 0 for the byte right behind or right before the mapping. */
  readonly distance: number;
}

/** What {@link IommuDomain.explain} finds at an address. */
export interface IovaReport {
  readonly iova: bigint;
  /**
   * `mapped`: a live mapping has it; `unmapped`: one had it that is gone; `reserved`: kept free, or another process's;
   * `free`: nothing that is remembered had it; `invalid`: the IOMMU does not translate it for all devices.
   */
  readonly state: "mapped" | "unmapped" | "reserved" | "free" | "invalid";
  /** All of it in one line. */
  readonly message: string;
  /** What has it, or had it last. */
  readonly mapping: MappingLife | undefined;
  /** Bytes into that. */
  readonly offset: number | undefined;
  /** What had it before that, youngest first, as far as the domain remembers. */
  readonly earlier: readonly MappingLife[];
  /** The live mapping that ends below the address and the one that starts above it. */
  readonly below: MappingNeighbour | undefined;
  readonly above: MappingNeighbour | undefined;
}

/** How many mappings an IOMMU holds, and may. */
export interface MappingBudget {
  readonly used: number;
  /** Of the mapper that may hold the fewest; undefined if none of them counts. */
  readonly limit: number | undefined;
}

/** How addresses are to be kept free: as in {@link MapOptions}. */
export type ReserveOptions = Pick<MapOptions, "iova" | "addressBits" | "alignment" | "label" | "owner">;

/** Addresses that a domain gives to no mapping, until {@link IovaReservation.close}. */
export interface IovaReservation extends Disposable {
  readonly iova: Iova;
  readonly size: number;
  /** The same as a range, such as the `ranges` of another domain over the same IOMMU. */
  readonly range: IovaRange;
  readonly closed: boolean;
  /**
   * Lets the domain give them out again. If they were shared, what another process has mapped there is unmapped first: close
   * it when that process has ended, or is to lose its memory's mappings. Before Linux 6.0 a container does not let go of
   * another process's mappings until it closes. One that took them by `sendDomain` of `@userpci/vfio-native` and lives has the
   * addresses until it has ended: what it unmaps late must not be what others have mapped there since. One that got them by
   * other means is not known: close it only when that has ended. Harmless twice.
   *
   * @throws PciError if an IOMMU would not let go; they then stay reserved
   */
  close(): void;
}

/**
 * A domain for another process. It makes a domain of its own that stays within `ranges`, with a mapper for each of the
 * descriptors: two allocators then never give out the same address. Who has the descriptors is trusted with the whole
 * address space, and may unmap anything (type1 before Linux 6.0: only what its own process has mapped).
 */
export interface DomainShare {
  readonly ranges: readonly IovaRange[];
  readonly pageSize: number;
  readonly mappers: readonly MapperDescriptor[];
}

/** Memory as the device sees it, until {@link DmaMapping.unmap}. */
export interface DmaMapping extends AsyncDisposable, Disposable {
  readonly iova: Iova;
  readonly size: number;
  readonly direction: DmaDirection;
  readonly memory: DmaMemory;
  readonly offset: number;
  readonly label: string | undefined;
  /** As given to `map`. */
  readonly owner?: string | undefined;
  readonly closed: boolean;
  /**
   * Has `listener` called once when it is {@link closed}, by whomever: with the domain too. At once if it is closed already.
   * Absent: only {@link closed} tells.
   *
   * @param listener which must not throw
   */
  onClosed?(listener: () => void): void;
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
  /**
   * Where devices see a byte of memory: the inverse of {@link find}. Its time grows with the mappings of that memory alone.
   *
   * @param offset bytes into the memory. Default 0
   * @returns the lowest such address, or undefined if that byte is not mapped
   */
  iovaOf(memory: DmaMemory, offset?: number): Iova | undefined;
  /** Bytes that devices can reach: the sizes of the live mappings, and of the whole memory where parts are joined. */
  readonly mappedBytes: number;
  /**
   * Which pages its devices write: of any mapping, and of parts of one, also those of devices that join or leave while they
   * are noted. Throws `ERR_NOT_SUPPORTED` where a mapper cannot note them. Absent: no mapper could.
   */
  readonly dirty?: DirtyLog;
  /** How many mappings its IOMMUs hold, and may (row R12). */
  readonly budget: MappingBudget;
  /**
   * What is pinned and may be, of each of its mappers that counts (row R13). Absent: it does not tell.
   *
   * @throws PciError `ERR_CLOSED`
   */
  pins?(): readonly PinBudget[];
  /**
   * What an address is and was: for the address of a DMA fault, from the kernel's log or an emulated device (row R20).
   *
   * @throws PciError `ERR_CLOSED`, `ERR_INVALID_ARGUMENT` for no bigint
   */
  explain(iova: bigint): IovaReport;
  /**
   * Keeps addresses free of mappings: for another process that maps into the same IOMMU, or for what maps by itself.
   *
   * @param size bytes, above 0; rounded up to the domain's pages
   * @throws PciError `ERR_CLOSED`, `ERR_DOMAIN_EMPTY`, `ERR_OUT_OF_RANGE`, `ERR_IOVA_RANGE`, `ERR_IOVA_OVERLAP`,
   * `ERR_IOVA_EXHAUSTED`, `ERR_MISALIGNED`
   */
  reserve(size: number, options?: ReserveOptions): IovaReservation;
  /**
   * What another process needs, to map into this address space within a reservation. What it maps there stays, also if it is
   * killed, until it unmaps it, the reservation is closed, or the domain.
   *
   * @throws PciError `ERR_CLOSED` also for a reservation that is closed or another domain's, `ERR_DOMAIN_EMPTY`,
   * `ERR_NOT_SUPPORTED` if a mapper is no object of the kernel
   */
  share(window: IovaReservation): DomainShare;
  /**
   * Adds a device whose DMA goes through `mapper`. A mapper that is new to the domain gets the whole table replayed;
   * if that fails the domain is as it was. The replay is synchronous: this thread waits while what is mapped already is
   * pinned once more, which takes milliseconds for each 64 MiB of small pages. Open devices before mapping large memory.
   *
   * @param device name for messages, such as the PCI address
   * @throws PciError `ERR_CLOSED`; `ERR_INVALID_ARGUMENT` for what is no mapper or no name, and, as `ERR_OUT_OF_RANGE`, for
   * limits that make no sense; `ERR_IOVA_RANGE` if a live mapping or reservation lies outside what the mapper allows, or no address
   * is valid for all; `ERR_MISALIGNED` if a live mapping is not of whole pages of the mapper's; `ERR_NOT_SUPPORTED` while
   * {@link dirty} notes and the mapper cannot; what {@link DmaMapper.mapSync} throws for a live mapping, such as
   * `ERR_MEMLOCK` and `ERR_MAPPING_LIMIT`
   */
  attach(mapper: DmaMapper, device: string): DomainAttachment;
  /**
   * Makes memory visible to the devices. Resolves at once for small sizes, and maps off this thread for large ones.
   *
   * @throws PciError `ERR_DOMAIN_EMPTY` before the first attach; `ERR_CLOSED` also for memory that is, and when the domain is
   * closed meanwhile; `ERR_INVALID_ARGUMENT` for what is no memory or no option, and for memory that may only be read
   * unless it is mapped `to-device`; `ERR_OUT_OF_RANGE` for what passes the end of the memory, and for other numbers;
   * `ERR_MISALIGNED` for an offset, a size or a fixed address that is no multiple of a page or of `alignment`;
   * `ERR_IOVA_RANGE` if no valid address would do, `ERR_IOVA_OVERLAP` if a fixed one is taken, `ERR_IOVA_EXHAUSTED` if all are;
   * `ERR_MAPPING_LIMIT`; `ERR_MEMLOCK`; `ERR_NOT_SUPPORTED` for memory that the IOMMU cannot reach; the system's code for any
   * other refusal; `ERR_BUSY` if one mapper refused and another would not let go, so that it stays in {@link mappings}
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
