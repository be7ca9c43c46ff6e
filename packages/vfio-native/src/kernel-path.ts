import type { DmaMapper, IommuDomain } from "@userpci/interface";
import type { CdevBinding } from "./cdev.ts";
import type { BeyondKernel } from "./device-calls.ts";
import type { Place } from "./lookup.ts";
import type { Native } from "./native.ts";

/** A function that is to be opened. */
export interface Entrance extends Place {
  readonly domain: IommuDomain;
  /** Whether its IOMMU must note which pages are written. */
  readonly dirtyTracking: boolean;
  /** UUID shared with the physical function's driver, for a virtual function. */
  readonly vfToken: string | undefined;
}

/** A device descriptor as the kernel gave it; whoever has it closes it. */
export interface OpenedDevice {
  readonly fd: number;
  /** Its place in an iommufd; none when it came from a group. */
  readonly binding?: CdevBinding;
  /** What answers calls on it, closing included. Default: the kernel. */
  readonly native?: Native;
  /** What those calls are beside the kernel's. */
  readonly calls?: BeyondKernel;
}

/** A function on its way to being open: everything before its descriptor is done. */
export interface Admission {
  /** What its DMA will go through. */
  readonly mapper: DmaMapper;
  /**
   * Opens the device, which resets it if it was not open. Off this thread: that may take 100 ms.
   *
   * @throws PciError; nothing is then open
   */
  openDevice(): Promise<OpenedDevice>;
  /** {@link openDevice} on this thread. */
  openDeviceSync(): OpenedDevice;
  /** The device is in its domain. */
  entered(): void;
  /** The device could not be opened, or not used: what was made for it alone is undone. */
  failed(): void;
  /** The device, which had {@link entered}, is closed. */
  left(): void;
}

/** One of the ways to a function: what differs between them. */
export interface KernelPath {
  /** The backend's name. */
  readonly name: string;
  /** Whether address spaces can have dirty bits at all. */
  readonly dirtyTracking: boolean;
  /** Domains that have an address space in the kernel, with what maps into it. */
  readonly spaces: ReadonlyMap<IommuDomain, DmaMapper>;
  /**
   * Descriptor of an open IOMMU group by number, as proof for hot resets of owning it. Without the function the kernel
   * knows what this process owns.
   */
  readonly groupFd?: (group: number) => number | undefined;
  /**
   * Where a function is, by what its user calls it. Default: what the kernel says in sysfs.
   *
   * @throws PciError `ERR_NO_DEVICE`, `ERR_INVALID_ARGUMENT`
   */
  placeOf?(name: string): Place;
  /** Everything before the device's descriptor. Leaves nothing if it throws. */
  admit(entrance: Entrance): Admission;
  /** Called once, when its devices and address spaces are closed. */
  close(): void;
}
