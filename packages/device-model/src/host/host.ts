import {
  checkInteger,
  checkMethods,
  DeviceGoneError,
  type DeviceInfo,
  type IrqInfo,
  type IrqKind,
  irqKinds,
  PciError,
  type RegionInfo,
  regionIndex,
} from "@userpci/interface";
import type { BarNumber, DeviceModel } from "../model.ts";
import { checkOptions } from "./check-options.ts";
import { Hardware } from "./hardware.ts";
import { absentRegion, type HostRegion } from "./host-region.ts";
import type {
  HostedFunction,
  HostedMigration,
  HostOptions,
  IrqSink,
  MappableMemory,
} from "./hosted-function.ts";
import { Migration } from "./migration.ts";
import { DeviceUser } from "./user.ts";

/** Regions as vfio-pci counts them: BARs, ROM, config space, VGA. */
const REGIONS = regionIndex.vga + 1;

/**
 * Hosts a model: what a driver gets is a function with the rules of the kernel's provider applied. The host owns the memory
 * of its BARs until it is disposed of.
 *
 * @throws PciError what is wrong with the model: see `buildSpace`, and `ERR_INVALID_ARGUMENT`, `ERR_MISALIGNED` or
 * `ERR_OUT_OF_RANGE` for the memory of BARs
 */
export function hostFunction(model: DeviceModel, options: HostOptions): HostedFunction {
  checkMethods("model", model, ["create"], "pass a DeviceModel, such as edu() of @userpci/edu/model");
  checkOptions(options);
  return new Host(model, options);
}

class Host implements HostedFunction {
  readonly name: string;
  readonly info: DeviceInfo;
  readonly migration: HostedMigration | undefined;
  readonly #hardware: Hardware;
  readonly #canResetBus: boolean;
  #user: DeviceUser | undefined;
  #isStopped = false;
  #isGone = false;
  #isClosed = false;

  constructor(model: DeviceModel, options: HostOptions) {
    this.#hardware = new Hardware(model, options);
    this.name = model.name;
    this.#canResetBus = model.busReset === true;
    const { description, instance } = this.#hardware;
    this.info = { regions: REGIONS, irqs: irqKinds.length, resettable: description.resetCause !== undefined };
    if (instance.save === undefined || instance.load === undefined) return;
    this.migration = new Migration(this.#hardware, {
      user: () => this.#user,
      requireUsable: () => {
        this.#requirePresent();
        this.#requireUser();
      },
      stopped: () => this.#isStopped,
      setStopped: (stopped) => this.#setStopped(stopped),
    });
  }

  get gone(): boolean {
    return this.#isGone;
  }

  get pending(): boolean {
    return this.#hardware.scheduler.pending;
  }

  regionInfo(index: number): RegionInfo {
    this.#checkRegion(index);
    return (
      this.#regionOf(index)?.info ??
      absentRegion(index, index === regionIndex.config ? this.#hardware.config.size : 0)
    );
  }

  mappable(index: number): readonly MappableMemory[] {
    this.#checkRegion(index);
    return index < regionIndex.rom ? this.#hardware.memories.mappable(index as BarNumber) : [];
  }

  read(index: number, offset: number, target: Uint8Array): number {
    const region = this.#regionToAccess(index);
    const length = lengthInside(region.info, offset, target.length);
    if (length === 0) return 0;
    const part = length === target.length ? target : target.subarray(0, length);
    if (this.#isGone) part.fill(0xff);
    else this.#access(() => region.read(offset, part));
    return length;
  }

  write(index: number, offset: number, source: Uint8Array): number {
    const region = this.#regionToAccess(index);
    const length = lengthInside(region.info, offset, source.length);
    if (length === 0 || this.#isGone) return length;
    const part = length === source.length ? source : source.subarray(0, length);
    this.#access(() => region.write(offset, part));
    return length;
  }

  irqInfo(kind: IrqKind): IrqInfo {
    this.#requireHosted();
    return this.#hardware.irqs.info(kind);
  }

  setIrqs(kind: IrqKind, start: number, sinks: readonly (IrqSink | null)[]): void {
    this.#requirePresent();
    this.#requireUser();
    this.#hardware.irqs.set(kind, start, sinks);
  }

  disableIrqs(kind: IrqKind): void {
    this.#requireHosted();
    this.#hardware.irqs.disable(kind);
  }

  maskIrqs(kind: IrqKind, start: number, count: number): void {
    this.#requirePresent();
    this.#hardware.irqs.mask(kind, start, count);
  }

  unmaskIrqs(kind: IrqKind, start: number, count: number): void {
    this.#requirePresent();
    this.#hardware.irqs.unmask(kind, start, count);
  }

  triggerIrqs(kind: IrqKind, start: number, count: number): void {
    this.#requirePresent();
    this.#hardware.irqs.trigger(kind, start, count);
  }

  reset(): void {
    this.#requirePresent();
    const { resetCause } = this.#hardware.description;
    if (resetCause === undefined) {
      throw new PciError("ERR_NO_RESET", `${this.name} has no reset method`, {
        hint: "give its model a pcie capability with functionLevelReset, or bring it to a known state by its registers",
      });
    }
    this.#hardware.reset(resetCause);
  }

  busReset(): void {
    this.#requirePresent();
    if (!this.#canResetBus) {
      throw new PciError("ERR_NOT_SUPPORTED", `${this.name} is on the root bus, which cannot be reset`, {
        hint: "set `busReset` of the model, which puts it behind a port of its own",
      });
    }
    this.#hardware.reset("bus");
  }

  open(): void {
    this.#requirePresent();
    if (this.#user !== undefined) {
      throw new PciError("ERR_DEVICE_BUSY", `${this.name} is open already`, {
        hint: "close() it for its last user first",
      });
    }
    const { config, description, scheduler } = this.#hardware;
    const { resetCause, shapes, romSize } = description;
    config.restore();
    if (resetCause !== undefined) this.#hardware.reset(resetCause);
    const has = (isIo: boolean): boolean => shapes.some((shape) => shape && (shape.kind === "io") === isIo);
    config.enable({ memory: has(false) || romSize > 0, io: has(true) });
    this.#user = new DeviceUser(this.#hardware);
    scheduler.resume();
  }

  close(): void {
    this.#requireHosted();
    const user = this.#user;
    if (user === undefined) return;
    const { irqs, config, scheduler, description } = this.#hardware;
    this.#user = undefined;
    this.#isStopped = false;
    irqs.disableAll();
    irqs.held = false;
    config.disableBusMaster();
    scheduler.halt();
    if (description.resetCause !== undefined && !this.#isGone) this.#hardware.reset(description.resetCause);
    user[Symbol.dispose]();
  }

  request(): void {
    this.#requirePresent();
    this.#hardware.irqs.report("req");
  }

  unplug(): void {
    this.#requireHosted();
    if (this.#isGone) return;
    this.#isGone = true;
    const { irqs, scheduler, config } = this.#hardware;
    scheduler.halt();
    scheduler.endAll();
    irqs.disableAll();
    // What else calls the model, as the other end of its wire, moves nothing any more, and sees that it has lost its power.
    config.disableBusMaster();
    this.#hardware.reset("power-on");
  }

  replug(): void {
    this.#requireHosted();
    if (!this.#isGone) return;
    if (this.#user !== undefined) {
      throw new PciError("ERR_BUSY", `${this.name} is still open`, {
        hint: "close() it: what is plugged in is another device than its user had",
      });
    }
    this.#isGone = false;
    this.#hardware.config.restore();
    this.#hardware.reset("power-on");
  }

  step(): boolean {
    this.#requireHosted();
    const isBusy = this.#hardware.scheduler.step();
    this.#hardware.irqs.line.refresh();
    return isBusy;
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#hardware[Symbol.dispose]();
    this.#user?.[Symbol.dispose]();
    this.#user = undefined;
  }

  #setStopped(stopped: boolean): void {
    const { scheduler, irqs } = this.#hardware;
    this.#isStopped = stopped;
    if (stopped) scheduler.halt();
    irqs.held = stopped;
    if (!stopped && this.#user !== undefined) scheduler.resume();
  }

  /** One access of a driver: what is due has happened before it, and what it sets off goes on after it. */
  #access(access: () => void): void {
    const { scheduler } = this.#hardware;
    scheduler.enter();
    try {
      access();
    } finally {
      scheduler.leave();
      this.#hardware.irqs.line.refresh();
    }
  }

  #regionOf(index: number): HostRegion | undefined {
    return index === regionIndex.config ? this.#user?.config : this.#hardware.regions[index];
  }

  #regionToAccess(index: number): HostRegion {
    this.#checkRegion(index);
    this.#requireUser();
    const region = this.#regionOf(index);
    if (region !== undefined) return region;
    throw new PciError("ERR_NOT_SUPPORTED", `${this.name} has no region ${index}`, {
      hint: "regionInfo() tells the size of each: 0 for one that is not there",
    });
  }

  #checkRegion(index: number): void {
    this.#requireHosted();
    checkInteger("the region's number", index, 0, REGIONS - 1);
  }

  #requireUser(): void {
    if (this.#user !== undefined) return;
    throw new PciError("ERR_CLOSED", `${this.name} has no user`, { hint: "open() it first" });
  }

  #requireHosted(): void {
    if (!this.#isClosed) return;
    throw new PciError("ERR_CLOSED", `${this.name} is no longer hosted`, { hint: "host the model again" });
  }

  #requirePresent(): void {
    this.#requireHosted();
    if (this.#isGone) {
      throw new DeviceGoneError(`${this.name} was unplugged`, {
        hint: "close the device, and open it again when it is back",
      });
    }
  }
}

/** Row R4: across the end of a region an access is short, and at the end there is nothing. @throws PciError past it */
function lengthInside({ index, size }: RegionInfo, offset: number, length: number): number {
  checkInteger(`the offset into region ${index}`, offset, 0, size);
  return Math.min(length, size - offset);
}
