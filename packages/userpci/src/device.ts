import { Dma, type DmaDevice } from "@userpci/dma";
import {
  type BackendDevice,
  checkInteger,
  type DeviceFeatures,
  type DeviceInfo,
  deviceFeatures,
  Failures,
  type FeatureOperation,
  type HotResetDependent,
  type IommuDomain,
  type IrqKind,
  PciError,
  type Region,
  regionIndex,
} from "@userpci/interface";
import { Irqs, type Subscription } from "@userpci/irq";
import { type ConfigSpace, configOf } from "@userpci/pci-config";
import { type AerCounter, readAerCounters } from "@userpci/sysfs";
import { Bar } from "./bar.ts";
import { type ErrorListener, ErrorWatch } from "./error-watch.ts";
import { type ReleaseListener, type ReleasePolicy, ReleaseWatch } from "./release.ts";
import { DeviceMeter } from "./telemetry/meter.ts";
import { publish } from "./telemetry/publish.ts";

const leaks = new FinalizationRegistry((address: string) => {
  process.emitWarning(`${address} was left open: a PciDevice was collected without close()`, {
    code: "USERPCI_LEAK",
    detail:
      "The descriptor stays open until the process ends. Use `await using`, or close() in a finally block.",
  });
});

/**
 * An open PCI function: configuration, registers, DMA memory and interrupts. Made by `openDevice`. Close it, or declare
 * it with `await using`; after that every method throws `ERR_CLOSED`.
 */
export class PciDevice implements AsyncDisposable, Disposable {
  /** The backend's view, for what this class does not cover. */
  readonly backendDevice: BackendDevice;
  /** Configuration space, typed; see `@userpci/pci-config`. */
  readonly config: ConfigSpace;
  /** Memory that the device may read and write. */
  readonly dma: Dma;
  /**
   * INTx, MSI, MSI-X and the kernel's error and request events. A set of `err` or `req` takes them over from {@link onError}
   * and {@link onRelease} until it is closed; without the latter nothing is closed by itself.
   */
  readonly irqs: Irqs;
  readonly #release: ReleaseWatch;
  readonly #errors: ErrorWatch;
  readonly #leaving: Leaving = { calls: 0 };
  /** Absent where nobody is to watch: accesses are then the backend's own. */
  readonly #meter: DeviceMeter | undefined;

  private constructor(device: BackendDevice, dmaBits: number, release: ReleasePolicy, meter?: DeviceMeter) {
    this.backendDevice = device;
    this.#meter = meter;
    const config = device.region(regionIndex.config);
    this.config = configOf(meter?.config(config) ?? config);
    const { address } = device;
    this.dma = new Dma(dmaDeviceOf(device, dmaBits, this.#leaving));
    this.irqs = new Irqs(device, (kind) => this.#giveBack(kind));
    this.#release = new ReleaseWatch(this, device, release, takenFrom(this, "req"));
    const source = { address, config: this.config, counters: countersOf(device) };
    this.#errors = new ErrorWatch(source, device, takenFrom(this, "err"));
  }

  /**
   * Takes over a device that a backend has opened. Whoever calls it keeps the device if it throws.
   *
   * @param dmaBits widest bus address in bits that the device can drive, 12 to 64
   * @param release what is done when the system wants the device back
   * @param telemetry whether others of this user may watch it: see `DeviceOptions.telemetry`
   * @throws PciError `ERR_OUT_OF_RANGE`, or what reading the device's configuration throws
   */
  static over(
    device: BackendDevice,
    dmaBits = 64,
    release: ReleasePolicy = "close",
    telemetry = false,
  ): PciDevice {
    const meter = telemetry ? new DeviceMeter() : undefined;
    const opened = new PciDevice(device, checkInteger("dmaBits", dmaBits, 12, 64), release, meter);
    leaks.register(opened, device.address, opened);
    if (meter !== undefined) publish(opened, meter);
    return opened;
  }

  /** PCI address, or what the backend was given. */
  get address(): string {
    return this.backendDevice.address;
  }

  /** What the backend says of the device as a whole, such as whether it can be reset. */
  get info(): DeviceInfo {
    return this.backendDevice.info;
  }

  /** Which optional features are there, and what would bring the others. */
  get features(): DeviceFeatures {
    return this.backendDevice.features ?? deviceFeatures(this.address, () => false);
  }

  /** The I/O address space the device is in. */
  get domain(): IommuDomain {
    return this.backendDevice.domain;
  }

  get closed(): boolean {
    return this.backendDevice.closed;
  }

  /**
   * A BAR.
   *
   * @param index 0 to 5
   * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_CLOSED`
   */
  bar(index: number): Bar {
    return new Bar(
      this.backendDevice,
      checkInteger("the BAR's index", index, 0, regionIndex.bar5),
      this.#meter,
    );
  }

  /** The expansion ROM, read by system calls. @throws PciError `ERR_NOT_SUPPORTED` without one, `ERR_CLOSED` */
  rom(): Region {
    const region = this.backendDevice.region(regionIndex.rom);
    return this.#meter?.called(region) ?? region;
  }

  /**
   * Resets the function. Register accesses throw `ERR_RESETTING` until the promise settles; mappings, DMA memory and
   * interrupt set-up remain.
   *
   * @throws PciError `ERR_NO_RESET`, `ERR_BUSY` while the system wants the device back, `ERR_CLOSED`
   */
  reset(): Promise<void> {
    return this.backendDevice.reset();
  }

  /** {@link reset} on this thread. */
  resetSync(): void {
    this.backendDevice.resetSync();
  }

  /** Functions that a reset of the bus or slot would hit. @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED` */
  hotResetInfo(): readonly HotResetDependent[] {
    return this.backendDevice.hotResetInfo();
  }

  /** Resets the bus or slot. @throws PciError `ERR_NOT_SUPPORTED`, `ERR_GROUP_BUSY`, `ERR_BUSY`, `ERR_CLOSED` */
  hotReset(): Promise<void> {
    return this.backendDevice.hotReset();
  }

  /** {@link hotReset} on this thread. */
  hotResetSync(): void {
    this.backendDevice.hotResetSync();
  }

  /**
   * One optional feature of the kernel (`VFIO_DEVICE_FEATURE` in `linux/vfio.h`): ask for it, read it or write it.
   *
   * @param data the feature's structure, read or filled in place; none for `probe`
   * @returns 0, or the descriptor that the feature opened, which is then the caller's
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED`
   */
  feature(operation: FeatureOperation, index: number, data?: Uint8Array): number {
    return this.backendDevice.feature(operation, index, data);
  }

  /**
   * Calls `listener` when the system wants the device back (row R18). After that the device is closed, as soon as the
   * promises that listeners gave have settled and after a second at the latest, unless it was opened with `release: "keep"`.
   * A program that never comes back to its event loop is not told. Backends without such requests never call it. A device that was
   * pulled out has gone already; it is told of where the kernel's hot-plug driver sees the slot empty. So has one whose server
   * has ended; the request's `cause` says so.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_CLOSED`; what the backend says, if the kernel's requests were lost
   */
  onRelease(listener: ReleaseListener): Subscription {
    this.#assertOpen();
    return this.#release.on(listener);
  }

  /**
   * Calls `listener` when the kernel tells of an uncorrectable error of the device or its link (row R18), with what the
   * device's registers and the kernel's counters say of it; while the program has enabled the kind `err` itself, when that
   * set is closed. A device without such events never calls it.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_CLOSED`, `ERR_RESETTING`
   */
  onError(listener: ErrorListener): Subscription {
    this.#assertOpen();
    return this.#errors.on(listener);
  }

  /**
   * To be called in every polling loop: an emulated device takes a step, hardware needs nothing.
   *
   * @throws PciError `ERR_CLOSED`, so that a loop ends with its device
   */
  relax(): void {
    this.#assertOpen();
    this.backendDevice.relax();
  }

  /** Lets the device's own listeners have the events that a set has read. */
  #giveBack(kind: IrqKind): void {
    if (kind === "req") this.#release.resume();
    if (kind === "err") this.#errors.resume();
  }

  #assertOpen(): void {
    if (this.closed) throw new PciError("ERR_CLOSED", `${this.address} is closed`, { hint: "open it again" });
  }

  /**
   * Gives the device back: interrupts off, bus master off, regions unmapped, descriptor closed, DMA memory unmapped
   * and freed, domain closed if it is the device's own. Each step is tried; what failed is thrown at the end. Harmless twice.
   * From the call on no DMA memory is handed out: an `alloc` or `map` under way is undone, and rejects with `ERR_CLOSED`.
   *
   * @throws PciError what the backend refuses with; the device is then as it was before
   */
  async close(): Promise<void> {
    this.#leaving.calls += 1;
    try {
      await this.#close();
    } finally {
      this.#leaving.calls -= 1;
    }
  }

  async #close(): Promise<void> {
    const failures = new Failures();
    // First, because it may refuse before it has done anything; it turns the interrupts off itself.
    const closing = failures.tryAsync(() => this.backendDevice.close());
    await beforeEvents();
    if (!this.closed && failures.errors.length > 0) throw failures.errors[0];
    // Before the loop goes on: an event that is under way must not reach a listener whose registers are gone.
    failures.try(() => this.#release.close());
    failures.try(() => this.#errors.close());
    failures.try(() => this.irqs.close());
    await closing;
    // While its descriptor is open the device may still write there.
    if (!this.closed) return failures.throwIfAny(`${this.address} is not closed:`);
    leaks.unregister(this);
    await failures.tryAsync(() => this.dma.close());
    failures.throwIfAny(`${this.address} is closed, but`);
  }

  /**
   * {@link close} on this thread.
   *
   * @throws PciError `ERR_BUSY` while the device is being closed or reset elsewhere; it is then as it was before
   */
  closeSync(): void {
    const failures = new Failures();
    // First, because it refuses before it has done anything; it turns the interrupts off itself.
    failures.try(() => this.backendDevice.closeSync());
    if (!this.closed) throw failures.errors[0];
    leaks.unregister(this);
    failures.try(() => this.#release.close());
    failures.try(() => this.#errors.close());
    failures.try(() => this.irqs.close());
    failures.try(() => this.dma.closeSync());
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
}

/** How many calls of `close` are under way. */
interface Leaving {
  calls: number;
}

/** Only the kernel's own backends have functions of this machine. */
const kernelBackends: readonly string[] = ["vfio-group", "vfio-cdev"];

// Outside the constructor, whose closures all hold the device: what listens lives as long as the descriptor is open, and must
// not keep a device from being collected that was left open.

/** What DMA memory is for: a device that takes none while it is being closed, as it may be writing there until it is. */
function dmaDeviceOf(device: BackendDevice, addressBits: number, leaving: Leaving): DmaDevice {
  const { domain, memory, address } = device;
  return {
    domain,
    memory,
    address,
    addressBits,
    get closed() {
      return leaving.calls > 0 || device.closed;
    },
  };
}

/** Reads what the kernel has counted. */
function countersOf({ address, backend }: BackendDevice): () => readonly AerCounter[] {
  return () => (kernelBackends.includes(backend) ? readAerCounters(address) : []);
}

/** Tells whether a set of the program's own has the events of a kind. */
function takenFrom(device: PciDevice, kind: IrqKind): () => boolean {
  const weak = new WeakRef(device);
  return () => {
    const sets = weak.deref()?.irqs.enabled() ?? [];
    return sets.some((set) => set.kind === kind);
  };
}

/** Resolves when every promise that needs no event has settled, and before the event loop handles another event. */
function beforeEvents(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}
