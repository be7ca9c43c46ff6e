import {
  type DeviceInfo,
  type DomainAttachment,
  Failures,
  type FeatureOperation,
  type HotResetDependent,
  type IommuDomain,
  type IrqInfo,
  type IrqKind,
  type IrqTarget,
  isPciError,
  type MemorySource,
  type OwnedRegion,
  PciError,
  type Region,
  type RegionInfo,
  regionIndex,
} from "@userpci/interface";
import type { CdevBinding } from "./cdev.ts";
import { Descriptor } from "./descriptor.ts";
import { DeviceAccess } from "./device-access.ts";
import type { BeyondKernel } from "./device-calls.ts";
import { DeviceIommu } from "./device-iommu.ts";
import { EventfdTarget } from "./eventfd-target.ts";
import { useFeature } from "./feature.ts";
import { probeFeatures } from "./feature-probes.ts";
import { query } from "./ioctl.ts";
import { IrqControl } from "./irq-control.ts";
import type { IrqAction, KernelDevice } from "./kernel-device.ts";
import { KernelFeatures } from "./kernel-features.ts";
import type { Native } from "./native.ts";
import { queryRegion, RegionTable } from "./region-table.ts";
import { Resets } from "./resets.ts";
import * as uapi from "./uapi/vfio.ts";

/** What a kernel backend gives a device that it has opened. The device owns `fd` from here on. */
export interface DeviceParts {
  readonly native: Native;
  readonly fd: number;
  readonly address: string;
  readonly backend: string;
  readonly memory: MemorySource;
  readonly domain: IommuDomain;
  readonly ownsDomain: boolean;
  /** Descriptor of an open IOMMU group by number, for hot resets; none if the device did not come from a group. */
  readonly groupFd?: (group: number) => number | undefined;
  /** Its place in an iommufd, if it is in one. */
  readonly binding?: CdevBinding;
  /** What the device's calls are beside those of the kernel. Default: nothing. */
  readonly calls?: BeyondKernel;
  /** Access to another function that is open in the same backend, for hot resets. */
  readonly accessOf: (address: string) => DeviceAccess | undefined;
  /** Called once after the descriptor is closed. */
  readonly onClose: (device: VfioDevice) => void;
}

/** vfio-pci has 9, and variant drivers a few more for what their devices have beside BARs. */
const MOST_REGIONS = 64;

/** Command register and its bus master bit (PCI 3.0, section 6.2.2). */
const COMMAND = 0x04;
const COMMAND_BUS_MASTER = 1 << 2;

/** A PCI function by a VFIO device descriptor, whichever way it was opened. */
export class VfioDevice implements KernelDevice {
  readonly address: string;
  readonly backend: string;
  readonly memory: MemorySource;
  readonly info: DeviceInfo;
  readonly domain: IommuDomain;
  readonly ownsDomain: boolean;
  readonly features: KernelFeatures;
  readonly iommu?: DeviceIommu;
  readonly #parts: DeviceParts;
  readonly #descriptor: Descriptor;
  readonly #access: DeviceAccess;
  readonly #regions: RegionTable;
  readonly #irqs: IrqControl;
  readonly #resets: Resets;
  #attachment: DomainAttachment | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  /** @throws PciError if the kernel's description of the device cannot be used; `fd` is then still the caller's */
  constructor(parts: DeviceParts) {
    const { native, fd, address } = parts;
    this.#parts = parts;
    this.#descriptor = new Descriptor(native, fd);
    this.address = address;
    this.backend = parts.backend;
    this.memory = parts.memory;
    this.domain = parts.domain;
    this.ownsDomain = parts.ownsDomain;
    const info = uapi.deviceInfo.read(query(native, fd, "DEVICE_GET_INFO", uapi.deviceInfo, {}));
    this.info = {
      regions: Math.min(info.num_regions, MOST_REGIONS),
      irqs: info.num_irqs,
      resettable: (info.flags & uapi.deviceFlag.RESET) !== 0,
    };
    const regions = Array.from({ length: this.info.regions }, (_, index) => queryRegion(native, fd, index));
    this.#access = new DeviceAccess(native, fd, address, regions[regionIndex.config]?.base ?? 0);
    this.#regions = new RegionTable(this.#access, regions, parts.calls);
    this.#irqs = new IrqControl(this.#access, info.num_irqs);
    const { binding } = parts;
    this.features = new KernelFeatures(
      this.#access,
      probeFeatures({
        access: this.#access,
        irqs: this.#irqs,
        resettable: this.info.resettable,
        ...(binding && { binding }),
      }),
      parts.calls && ((request, bitmap) => parts.calls!.reportWrites(request, bitmap)),
    );
    if (binding !== undefined) this.iommu = new DeviceIommu(this.#access, binding);
    this.#resets = new Resets({
      access: this.#access,
      descriptor: this.#descriptor,
      resettable: this.info.resettable,
      ...(parts.groupFd && { groupFd: parts.groupFd }),
      accessOf: parts.accessOf,
    });
  }

  /** See {@link DeviceCalls}; of a descriptor of the kernel's it is not known. */
  get lost(): PciError | undefined {
    return this.#parts.calls?.lost;
  }

  /** Whether the descriptor is closed. Accesses are refused from the call of `close` on. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Where its accesses are let through or held back. */
  get access(): DeviceAccess {
    return this.#access;
  }

  /** Remembers the device's place in its domain, to leave it on close. */
  attached(attachment: DomainAttachment): void {
    this.#attachment = attachment;
  }

  regionInfo(index: number): RegionInfo {
    return this.#regions.info(index);
  }

  region(index: number): Region {
    return this.#regions.region(index);
  }

  mapRegion(index: number): OwnedRegion {
    return this.#regions.map(index);
  }

  irqInfo(kind: IrqKind): IrqInfo {
    return this.#irqs.info(kind);
  }

  createIrqTarget(): IrqTarget {
    this.#access.assertUsable();
    return new EventfdTarget(this.#parts.native);
  }

  setIrqs(kind: IrqKind, start: number, targets: readonly (IrqTarget | null)[]): void {
    this.#irqs.set(kind, start, targets);
  }

  disableIrqs(kind: IrqKind): void {
    this.#irqs.disable(kind);
  }

  maskIrqs(kind: IrqKind, start: number, count: number): void {
    this.#irqs.mask(kind, start, count);
  }

  unmaskIrqs(kind: IrqKind, start: number, count: number): void {
    this.#irqs.unmask(kind, start, count);
  }

  setUnmaskTarget(kind: IrqKind, vector: number, target: IrqTarget | null): void {
    this.#irqs.setUnmaskTarget(kind, vector, target);
  }

  triggerIrqs(kind: IrqKind, start: number, count: number): void {
    this.#irqs.trigger(kind, start, count);
  }

  actOnIrqs(action: IrqAction, kind: IrqKind, start: number, which: readonly boolean[]): void {
    this.#irqs.actEach(kind, start, which, action);
  }

  reset(): Promise<void> {
    return this.#resets.reset();
  }

  resetSync(): void {
    this.#resets.resetSync();
  }

  hotResetInfo(): readonly HotResetDependent[] {
    return this.#resets.dependents();
  }

  hotReset(): Promise<void> {
    return this.#resets.hotReset();
  }

  hotResetSync(): void {
    this.#resets.hotResetSync();
  }

  feature(operation: FeatureOperation, index: number, data: Uint8Array = new Uint8Array(0)): number {
    this.#access.assertUsable();
    return useFeature(this.#access, operation, index, data);
  }

  relax(): void {}

  close(): Promise<void> {
    this.#closing ??= this.#closed ? Promise.resolve() : this.#close();
    return this.#closing;
  }

  closeSync(): void {
    if (this.#closed) return;
    this.assertIdle();
    const failures = new Failures();
    this.#silence(failures);
    this.#descriptor.close();
    failures.try(() => this.#leave());
    if (this.ownsDomain) failures.try(() => this.domain.closeSync());
    failures.throwIfAny(`${this.address} is closed, but`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }

  async #close(): Promise<void> {
    const failures = new Failures();
    this.#silence(failures);
    // The last close resets the function, which takes 100 ms where the method is a function level reset.
    await this.#descriptor.closeAsync();
    failures.try(() => this.#leave());
    if (this.ownsDomain) await failures.tryAsync(() => this.domain.close());
    failures.throwIfAny(`${this.address} is closed, but`);
  }

  /**
   * Whether {@link closeSync} may begin: DMA memory may be freed after it, so calls must have let go of the descriptor.
   *
   * @throws PciError `ERR_BUSY`
   */
  assertIdle(): void {
    const what =
      this.#closing !== undefined ? "being closed" : this.#access.resetting ? "being reset" : undefined;
    if (what === undefined) return;
    throw new PciError("ERR_BUSY", `${this.address} is ${what}`, {
      hint: "await that call's promise, or close()",
    });
  }

  /** Rule 8 of the architecture: interrupts, bus master, regions, and only then the descriptor. */
  #silence(failures: Failures): void {
    // A reset that is still running holds the descriptor in the kernel; what it would refuse is switched off by it.
    if (!this.#access.blocked) {
      failures.try(() => unlessGone(() => this.#irqs.disableAll()));
      failures.try(() => unlessGone(() => this.#stopBusMaster()));
    }
    this.#access.close();
  }

  #stopBusMaster(): void {
    const config = this.#regions.region(regionIndex.config);
    config.write16(COMMAND, config.read16(COMMAND) & ~COMMAND_BUS_MASTER);
  }

  #leave(): void {
    this.#closed = true;
    try {
      this.#attachment?.detach();
    } finally {
      this.#parts.onClose(this);
    }
  }
}

/** A device that is gone has no interrupts and no bus mastering left to switch off. */
function unlessGone(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!isPciError(error, "ERR_DEVICE_GONE") && !isPciError(error, "ENODEV")) throw error;
  }
}
