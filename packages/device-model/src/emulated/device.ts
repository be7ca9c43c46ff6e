import {
  type AccessGate,
  type BackendDevice,
  checkInteger,
  type DeviceFeatures,
  type DeviceInfo,
  type DomainAttachment,
  Failures,
  type FeatureOperation,
  type HotResetDependent,
  type IommuDomain,
  type IrqInfo,
  type IrqKind,
  type IrqTarget,
  type MemorySource,
  type OwnedRegion,
  PciError,
  type Region,
  type RegionInfo,
  regionIndex,
} from "@userpci/interface";
import type { BarNumber } from "../model.ts";
import { emulatedFeatures, useFeature } from "./features.ts";
import type { EmulatedFunction } from "./function.ts";
import { IrqControl } from "./irq-control.ts";
import { EmulatedIrqTarget, type Surroundings } from "./irq-target.ts";
import { EmulatedRegion } from "./region.ts";
import { regionName } from "./region-name.ts";
import { Resets } from "./resets.ts";
import { turn } from "./turn.ts";

/** What the backend gives a device that it opens. */
export interface DeviceParts {
  readonly fn: EmulatedFunction;
  readonly access: AccessGate;
  readonly surroundings: Surroundings;
  readonly backend: string;
  readonly memory: MemorySource;
  readonly domain: IommuDomain;
  readonly ownsDomain: boolean;
  readonly attachment: DomainAttachment;
  /** Called once when it has been given back. */
  readonly onClose: (device: EmulatedDevice) => void;
}

/** What a system maps at least: BARs that are smaller are left to calls (`vfio_pci_probe_mmaps` in Linux). */
const PAGE = 4096;

/** A function of a model that is open. */
export class EmulatedDevice implements BackendDevice {
  readonly address: string;
  readonly backend: string;
  readonly info: DeviceInfo;
  readonly domain: IommuDomain;
  readonly ownsDomain: boolean;
  readonly memory: MemorySource;
  readonly features: DeviceFeatures;
  readonly #parts: DeviceParts;
  readonly #fn: EmulatedFunction;
  readonly #access: AccessGate;
  readonly #irqs: IrqControl;
  readonly #resets: Resets;
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(parts: DeviceParts) {
    const { fn, access } = parts;
    this.#parts = parts;
    this.#fn = fn;
    this.#access = access;
    this.address = fn.address;
    this.backend = parts.backend;
    this.info = { ...fn.hosted.info, resettable: fn.resettable };
    this.domain = parts.domain;
    this.ownsDomain = parts.ownsDomain;
    this.memory = parts.memory;
    this.features = emulatedFeatures(fn, access);
    this.#irqs = new IrqControl(fn, access);
    this.#resets = new Resets(fn, access);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * A memory BAR of a page or more can be mapped as a whole, as on a system: in process a mapped access and one by call
   * are the same, but that the mapped one may be of 64 bits.
   */
  regionInfo(index: number): RegionInfo {
    this.#access.assertUsable();
    checkInteger("the region's index", index, 0, this.info.regions - 1);
    const info = this.#fn.hosted.regionInfo(index);
    const { size } = info;
    return { ...info, mappable: this.#isMemory(index) && size >= PAGE ? [{ offset: 0, size }] : [] };
  }

  region(index: number): Region {
    const { size } = this.regionInfo(index);
    if (size > 0) return this.#makeRegion(index, size, false);
    throw new PciError(
      "ERR_NOT_SUPPORTED",
      `${this.address} has no ${regionName(index).replace(/^the /, "")}`,
      { hint: "regionInfo(index).size is 0 for what a function does not have" },
    );
  }

  mapRegion(index: number): OwnedRegion {
    const { size, mappable } = this.regionInfo(index);
    if (mappable.length > 0) return this.#makeRegion(index, size, true);
    const unmapped = index <= regionIndex.bar5 ? `device.bar(${index}).region()` : `region(${index})`;
    throw new PciError("ERR_NOT_SUPPORTED", `${regionName(index)} of ${this.address} cannot be mapped`, {
      hint: `it is an I/O port BAR, the ROM, absent, or smaller than a page: use it unmapped, by ${unmapped}`,
    });
  }

  irqInfo(kind: IrqKind): IrqInfo {
    return this.#irqs.info(kind);
  }

  createIrqTarget(): IrqTarget {
    this.#access.assertUsable();
    return new EmulatedIrqTarget(this.#parts.surroundings);
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

  feature(operation: FeatureOperation, index: number): number {
    this.#access.assertUsable();
    return useFeature(this.#fn, operation, index);
  }

  /** One step of every device of the machine: a driver may wait for another device than this one. */
  relax(): void {
    if (!this.#access.closed) this.#parts.surroundings.step();
  }

  close(): Promise<void> {
    this.#closing ??= this.#closed ? Promise.resolve() : this.#close();
    return this.#closing;
  }

  closeSync(): void {
    if (this.#closed) return;
    this.assertIdle();
    const failures = new Failures();
    this.#silence(failures);
    this.#giveBack(failures);
    if (this.ownsDomain) failures.try(() => this.domain.closeSync());
    failures.throwIfAny(`${this.address} is closed, but`);
  }

  /** {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** {@link closeSync}. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** Whether {@link closeSync} may begin. @throws PciError `ERR_BUSY` */
  assertIdle(): void {
    const what =
      this.#closing !== undefined ? "being closed" : this.#access.resetting ? "being reset" : undefined;
    if (what === undefined) return;
    throw new PciError("ERR_BUSY", `${this.address} is ${what}`, {
      hint: "await that call's promise, or close()",
    });
  }

  async #close(): Promise<void> {
    const failures = new Failures();
    this.#silence(failures);
    // A driver meets here what it meets on a system, where a close takes a while.
    await turn();
    await this.#resets.idle();
    this.#giveBack(failures);
    if (this.ownsDomain) await failures.tryAsync(() => this.domain.close());
    failures.throwIfAny(`${this.address} is closed, but`);
  }

  /** Interrupts off, and no access any more; the host turns bus mastering off and resets in {@link #giveBack}. */
  #silence(failures: Failures): void {
    if (!this.#access.resetting) failures.try(() => this.#irqs.disableAll());
    this.#access.close();
  }

  #giveBack(failures: Failures): void {
    this.#closed = true;
    // While it is still in its domain: what it does until it is reset goes through that.
    failures.try(() => this.#fn.leave());
    failures.try(() => this.#parts.attachment.detach());
    failures.try(() => this.#parts.onClose(this));
  }

  #isMemory(index: number): boolean {
    if (index > regionIndex.bar5) return false;
    const bar = this.#fn.model.bars?.[index as BarNumber];
    return bar !== undefined && bar.kind !== "io";
  }

  #makeRegion(index: number, size: number, mapped: boolean): EmulatedRegion {
    return new EmulatedRegion({ fn: this.#fn, access: this.#access, index, size, mapped });
  }
}
