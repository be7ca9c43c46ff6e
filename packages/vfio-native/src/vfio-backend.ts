import {
  checkOpenOptions,
  checkType,
  type DomainRequest,
  Failures,
  featureMissing,
  type IommuDomain,
  type OpenOptions,
  PciError,
  UnderWay,
} from "@userpci/interface";
import { createDomain, type DomainOptions } from "@userpci/iommu";
import { whileBusy, whileBusySync } from "./busy.ts";
import { VfioDevice } from "./device.ts";
import type { KernelBackend } from "./kernel-device.ts";
import type { Admission, KernelPath, OpenedDevice } from "./kernel-path.ts";
import { goneInstead, type Place, placeOf } from "./lookup.ts";
import { MemfdSource } from "./memfd-memory.ts";
import { loadNative, type Native } from "./native.ts";
import { checkVfToken } from "./vf-token.ts";

/** A function on its way to being open. */
interface Opening {
  readonly place: Place;
  readonly admission: Admission;
  readonly domain: IommuDomain;
  readonly ownsDomain: boolean;
  readonly requireReset: boolean;
}

/** A backend whose devices answer as the kernel's VFIO does, by one of the ways to a function. */
export class VfioBackend implements KernelBackend {
  readonly memory = new MemfdSource();
  readonly #path: KernelPath;
  readonly #devices = new Map<VfioDevice, Admission>();
  /** Addresses that are open or being opened. */
  readonly #addresses = new Set<string>();
  readonly #opens = new UnderWay();
  /** Domains that were made with dirty tracking. */
  readonly #tracked = new WeakSet<IommuDomain>();
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(path: KernelPath) {
    this.#path = path;
  }

  get name(): string {
    return this.#path.name;
  }

  createDomain(request: DomainRequest & DomainOptions = {}): IommuDomain {
    this.#assertOpen();
    checkType("request", request, "object");
    const { dirtyTracking = false, ...options } = request;
    checkType("dirtyTracking", dirtyTracking, "boolean");
    if (dirtyTracking && !this.#path.dirtyTracking) throw featureMissing("dirty-tracking", this.name);
    const domain = createDomain(options);
    if (dirtyTracking) this.#tracked.add(domain);
    return domain;
  }

  open(address: string, options: OpenOptions = {}): Promise<VfioDevice> {
    return this.#opens.track(whileBusy(() => this.#open(address, options)));
  }

  openSync(address: string, options: OpenOptions = {}): VfioDevice {
    return whileBusySync(() => this.#openSync(address, options));
  }

  async close(): Promise<void> {
    if (this.#closing === undefined && !this.#closed) this.#assertNoGuests();
    this.#closing ??= this.#closed ? Promise.resolve() : this.#close();
    return this.#closing;
  }

  closeSync(): void {
    if (this.#closed) return;
    // All or nothing: a device that calls still use needs its address space.
    for (const device of this.#devices.keys()) device.assertIdle();
    this.#assertNoGuests();
    this.#closed = true;
    const failures = new Failures();
    for (const device of [...this.#devices.keys()]) failures.try(() => device.closeSync());
    for (const [domain, mapper] of [...this.#path.spaces]) {
      failures.try(() => domain.closeSync());
      if (domain.closed) failures.try(() => mapper.close());
    }
    this.#path.close();
    failures.throwIfAny(`the ${this.name} backend is closed, but`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new PciError("ERR_CLOSED", `this ${this.name} backend is closed`, { hint: "make a new one" });
  }

  /** A domain with devices of other backends in it maps through this one's address space. @throws PciError `ERR_DOMAIN_IN_USE` */
  #assertNoGuests(): void {
    for (const domain of this.#path.spaces.keys()) {
      const own = [...this.#devices.keys()].filter((device) => device.domain === domain).length;
      const guests = domain.attached - own;
      if (guests <= 0) continue;
      throw new PciError(
        "ERR_DOMAIN_IN_USE",
        `a domain of this ${this.name} backend has ${guests} device(s) of others in it`,
        {
          hint: "close those first, then this backend",
        },
      );
    }
  }

  async #open(address: string, options: OpenOptions): Promise<VfioDevice> {
    const opening = this.#begin(address, options);
    let opened: OpenedDevice | undefined;
    try {
      opened = await opening.admission.openDevice();
      return this.#finish(opening, opened);
    } catch (error) {
      if (opened !== undefined) await nativeOf(opened).closeAsync(opened.fd);
      throw this.#undo(opening, error);
    }
  }

  #openSync(address: string, options: OpenOptions): VfioDevice {
    const opening = this.#begin(address, options);
    let opened: OpenedDevice | undefined;
    try {
      opened = opening.admission.openDeviceSync();
      return this.#finish(opening, opened);
    } catch (error) {
      if (opened !== undefined) nativeOf(opened).close(opened.fd);
      throw this.#undo(opening, error);
    }
  }

  async #close(): Promise<void> {
    this.#closed = true;
    // What is being opened finds the backend closed, and undoes itself.
    await this.#opens.idle();
    const failures = new Failures();
    await Promise.all([...this.#devices.keys()].map((device) => failures.tryAsync(() => device.close())));
    for (const [domain, mapper] of [...this.#path.spaces]) {
      await failures.tryAsync(() => domain.close());
      // A domain that devices of other backends have joined meanwhile goes on, and closes it itself.
      if (domain.closed) failures.try(() => mapper.close());
    }
    this.#path.close();
    failures.throwIfAny(`the ${this.name} backend is closed, but`);
  }

  /** Everything before the device descriptor: checks, and what the kernel's way wants first. Undone here if it fails. */
  #begin(name: string, options: OpenOptions): Opening {
    this.#assertOpen();
    checkType("address", name, "string");
    checkOpenOptions(`the open of ${this.name}`, options);
    const { vfToken, requireReset = false } = options;
    checkVfToken(vfToken);
    const place = this.#path.placeOf?.(name) ?? placeOf(name);
    if (this.#addresses.has(place.address)) throw openTwiceError(place.address);
    const ownsDomain = options.domain === undefined;
    const domain = options.domain ?? createDomain();
    try {
      const admission = this.#path.admit({
        ...place,
        domain,
        dirtyTracking: this.#tracked.has(domain),
        vfToken,
      });
      this.#addresses.add(place.address);
      return { place, admission, domain, ownsDomain, requireReset };
    } catch (error) {
      if (ownsDomain) domain.closeSync();
      throw this.#reason(place, error);
    }
  }

  /** Everything after the device descriptor, which is still the caller's if it fails. */
  #finish(opening: Opening, opened: OpenedDevice): VfioDevice {
    const { place, admission, domain } = opening;
    this.#assertOpen();
    const device = this.#makeDevice(opening, opened);
    if (opening.requireReset && !device.info.resettable) throw noResetError(place.address);
    device.attached(domain.attach(admission.mapper, place.address));
    admission.entered();
    this.#devices.set(device, admission);
    return device;
  }

  /** Leaves nothing of an open that failed. Returns the error to throw: why it failed, whatever else does afterwards. */
  #undo({ place, admission, domain, ownsDomain }: Opening, error: unknown): unknown {
    this.#addresses.delete(place.address);
    const failures = new Failures();
    failures.try(() => admission.failed());
    if (ownsDomain) failures.try(() => domain.closeSync());
    return this.#reason(place, error);
  }

  /** Why a function could not be opened. */
  #reason({ address }: Place, error: unknown): unknown {
    return this.#path.placeOf === undefined ? goneInstead(address, error) : error;
  }

  #makeDevice({ place, domain, ownsDomain }: Opening, opened: OpenedDevice): VfioDevice {
    const { groupFd } = this.#path;
    const { fd, binding, calls } = opened;
    return new VfioDevice({
      native: nativeOf(opened),
      fd,
      address: place.address,
      backend: this.name,
      memory: this.memory,
      domain,
      ownsDomain,
      ...(groupFd && { groupFd }),
      ...(binding && { binding }),
      ...(calls && { calls }),
      accessOf: (other) => [...this.#devices.keys()].find((device) => device.address === other)?.access,
      onClose: (device) => this.#forget(device),
    });
  }

  #forget(device: VfioDevice): void {
    const admission = this.#devices.get(device);
    this.#devices.delete(device);
    this.#addresses.delete(device.address);
    admission?.left();
  }
}

const nativeOf = ({ native }: OpenedDevice): Native => native ?? loadNative();

function openTwiceError(address: string): PciError {
  return new PciError("ERR_DEVICE_BUSY", `${address} is open already, in this process (${process.pid})`, {
    hint: "close the first one, or share it: a device opens once at a time",
    details: { holders: [{ pid: process.pid }] },
  });
}

function noResetError(address: string): PciError {
  return new PciError("ERR_NO_RESET", `${address} has no reset method, and a reset was required`, {
    hint: "open it without requireReset if its state does not matter",
  });
}
