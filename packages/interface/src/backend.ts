import type { IommuDomain } from "./domain.ts";
import type { PciError } from "./errors.ts";
import type { DeviceFeatures } from "./features.ts";
import type { IrqInfo, IrqKind, IrqTarget } from "./irq.ts";
import type { MemorySource } from "./memory.ts";
import type { OwnedRegion, Region, RegionInfo } from "./region.ts";

/** How a device is to be opened. */
export interface OpenOptions {
  /** The domain to open into; the device gets one of its own if none is given. */
  readonly domain?: IommuDomain;
  /** Token shared with the driver of a virtual function's physical function: a UUID (row R22). */
  readonly vfToken?: string;
  /** Refuse a function that has no reset method (row R17). Default false. */
  readonly requireReset?: boolean;
}

/** What an address space is to be able to do; fixed when it is made. */
export interface DomainRequest {
  /**
   * Whether the IOMMU is to note which pages devices write. A device whose IOMMU cannot is then refused. Default false.
   */
  readonly dirtyTracking?: boolean;
}

/** What a backend says of an open device. */
export interface DeviceInfo {
  /** Number of regions the backend counts, those of size 0 included. */
  readonly regions: number;
  /** Number of interrupt kinds the backend counts. */
  readonly irqs: number;
  /** Whether `reset()` can work: the function has a reset method. */
  readonly resettable: boolean;
}

/** A function that a hot reset would hit too. */
export interface HotResetDependent {
  /** IOMMU group it belongs to. */
  readonly group: number;
  /** Its PCI address, such as `0000:01:00.0`. */
  readonly address: string;
}

/** What one feature operation may be: ask whether it is there, read, or write (`VFIO_DEVICE_FEATURE_*`). */
export type FeatureOperation = "probe" | "get" | "set";

/**
 * An open PCI function. Register, config and interrupt calls are synchronous. Beside what each says of itself, every
 * method throws `ERR_CLOSED` once `close()` was called, `ERR_RESETTING` while the function is being reset, and
 * `ERR_OUT_OF_RANGE` or `ERR_INVALID_ARGUMENT` for numbers that mean nothing.
 */
export interface BackendDevice extends AsyncDisposable, Disposable {
  /** As given to `open`: a PCI address, or a socket's path. */
  readonly address: string;
  /** Name of the backend, such as `vfio-group`. */
  readonly backend: string;
  readonly info: DeviceInfo;
  readonly domain: IommuDomain;
  /** Whether the domain was made for this device, and so closes with it. */
  readonly ownsDomain: boolean;
  /** Where this device's DMA memory comes from. */
  readonly memory: MemorySource;
  /** Which optional features are there; a backend without any may leave it out. */
  readonly features?: DeviceFeatures;
  /** Whether the device has been given back. */
  readonly closed: boolean;
  /**
   * Why the device cannot be reached any more, where the backend knows: what its server did, for example. Undefined before
   * that; left out by backends that never know.
   */
  readonly lost?: PciError | undefined;

  /**
   * Size and flags of a region (row R16).
   *
   * @param index 0 to `info.regions` - 1; see `regionIndex`
   * @throws PciError `ERR_OUT_OF_RANGE`
   */
  regionInfo(index: number): RegionInfo;
  /**
   * The region by system call or message, one call an access. Accesses to the MSI-X table are refused with
   * `ERR_MSIX_TABLE` (row R6), accesses of 64 bits with `ERR_NOT_SUPPORTED`.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if the function does not have the region
   */
  region(index: number): Region;
  /**
   * The region mapped where it can be, joined with {@link region} elsewhere.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if nothing of it can be mapped
   */
  mapRegion(index: number): OwnedRegion;

  /** How many vectors of a kind the function has, and what they can do. @throws PciError `ERR_CLOSED` */
  irqInfo(kind: IrqKind): IrqInfo;
  /** A target for a vector, made by the backend. The caller owns it. */
  createIrqTarget(): IrqTarget;
  /**
   * Connects vectors `start`, `start + 1`, … to targets; null disconnects a vector. Enables the kind if it was off.
   *
   * @throws PciError `ERR_IRQ_COUNT`, `ERR_IRQ_BUSY`, `ERR_NOT_SUPPORTED` if the vectors cannot be added live; nothing is
   * then left half enabled
   */
  setIrqs(kind: IrqKind, start: number, targets: readonly (IrqTarget | null)[]): void;
  /** Disables a kind and disconnects all of its targets. Harmless if it is off; during a reset it is done after that. */
  disableIrqs(kind: IrqKind): void;
  /** @throws PciError `ERR_NOT_SUPPORTED` if the kind cannot be masked */
  maskIrqs(kind: IrqKind, start: number, count: number): void;
  /**
   * Undoes {@link maskIrqs}, and what the provider did when the vector fired. During a reset it is done after that, if the
   * kind is still enabled then: a listener may reset its device.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if the kind cannot be masked
   */
  unmaskIrqs(kind: IrqKind, start: number, count: number): void;
  /**
   * Unmasks a vector whenever `target` is signalled, without a call of this process; null ends that.
   *
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_IRQ_BUSY` while another target does so
   */
  setUnmaskTarget(kind: IrqKind, vector: number, target: IrqTarget | null): void;
  /** Fires vectors as the device would (loop-back). @throws PciError `ERR_IRQ_COUNT`, `ERR_NOT_SUPPORTED` if they are off */
  triggerIrqs(kind: IrqKind, start: number, count: number): void;

  /**
   * Resets the function. Accesses meanwhile throw `ERR_RESETTING`.
   *
   * @throws PciError `ERR_NO_RESET`, `ERR_BUSY` while the system wants the device back
   */
  reset(): Promise<void>;
  /** {@link reset} on this thread. */
  resetSync(): void;
  /** The functions that a hot (bus or slot) reset would hit, this one included. @throws PciError `ERR_NOT_SUPPORTED` */
  hotResetInfo(): readonly HotResetDependent[];
  /**
   * Resets the bus or slot. Accesses to every function it hits throw `ERR_RESETTING` meanwhile.
   *
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_GROUP_BUSY` unless every affected group is open in the same backend, `ERR_BUSY`
   * while the system wants one of the devices back
   */
  hotReset(): Promise<void>;
  /** {@link hotReset} on this thread. */
  hotResetSync(): void;

  /**
   * One optional feature of the kernel's `VFIO_DEVICE_FEATURE`.
   *
   * @param data the feature's structure, read or filled in place; none for `probe`
   * @returns 0, or the descriptor that the feature opened; it is then the caller's
   * @throws PciError `ERR_NOT_SUPPORTED`, with what would bring it
   */
  feature(operation: FeatureOperation, index: number, data?: Uint8Array): number;

  /** To be called in every polling loop: lets an emulated device take a step; nothing on hardware. */
  relax(): void;

  /** Interrupts off, bus master off, regions unmapped, descriptor closed. The domain is closed if it is the device's own. */
  close(): Promise<void>;
  /** {@link close} on this thread. @throws PciError `ERR_BUSY` while the device is being closed or reset elsewhere */
  closeSync(): void;
}

/** A way to reach PCI functions. An instance owns what the kernel shares between them. */
export interface Backend extends AsyncDisposable, Disposable {
  /** `vfio-group`, `vfio-cdev`, `vfio-user`, `emulated`, or an author's own. */
  readonly name: string;
  readonly memory: MemorySource;
  /**
   * A domain with no device in it yet. The caller owns it.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if the backend can never do what is asked
   */
  createDomain(request?: DomainRequest): IommuDomain;
  /**
   * Opens a function.
   *
   * @throws PciError `ERR_NO_DEVICE`, `ERR_DEVICE_GONE`, `ERR_WRONG_DRIVER`, `ERR_NO_IOMMU`, `ERR_GROUP_NOT_VIABLE`, `ERR_GROUP_BUSY`,
   * `ERR_DEVICE_BUSY`, `ERR_PERMISSION`, `ERR_NO_RESET`, `ERR_INVALID_ARGUMENT` also for an option that there is not
   */
  open(address: string, options?: OpenOptions): Promise<BackendDevice>;
  /** {@link open} on this thread. */
  openSync(address: string, options?: OpenOptions): BackendDevice;
  /**
   * Closes what it opened and is still open, devices first.
   *
   * @throws PciError (rejects with) `ERR_DOMAIN_IN_USE` while a device of another backend is in a domain that maps
   * through this one; nothing is then closed
   */
  close(): Promise<void>;
  /** {@link close} on this thread. */
  closeSync(): void;
}
