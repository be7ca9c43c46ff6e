import {
  checkMethods,
  checkType,
  Failures,
  type IommuDomain,
  type OpenOptions,
  PciError,
} from "@userpci/interface";
import { createDomain } from "@userpci/iommu";
import { whileBusy, whileBusySync } from "./busy.ts";
import { Container } from "./container.ts";
import { VfioDevice } from "./device.ts";
import { Group } from "./group.ts";
import type { KernelBackend } from "./kernel-device.ts";
import { groupOf } from "./lookup.ts";
import { MemfdSource } from "./memfd-memory.ts";
import { loadNative, type Native } from "./native.ts";

const VF_TOKEN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A function on its way to being open. */
interface Opening {
  readonly address: string;
  readonly group: Group;
  readonly domain: IommuDomain;
  readonly ownsDomain: boolean;
  readonly requireReset: boolean;
}

/** The kernel's container and group interface (`/dev/vfio/vfio`, `/dev/vfio/N`) with the type1v2 IOMMU. */
class VfioGroupBackend implements KernelBackend {
  readonly name = "vfio-group";
  readonly memory = new MemfdSource();
  readonly #groups = new Map<number, Group>();
  readonly #containers = new Map<IommuDomain, Container>();
  readonly #devices = new Set<VfioDevice>();
  /** Addresses that are open or being opened. */
  readonly #addresses = new Set<string>();
  readonly #opens = new Set<Promise<unknown>>();
  #native: Native | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  createDomain(): IommuDomain {
    this.#assertOpen();
    return createDomain();
  }

  open(address: string, options: OpenOptions = {}): Promise<VfioDevice> {
    const open = whileBusy(() => this.#open(address, options));
    const settled: Promise<unknown> = open.then(
      () => this.#opens.delete(settled),
      () => this.#opens.delete(settled),
    );
    this.#opens.add(settled);
    return open;
  }

  openSync(address: string, options: OpenOptions = {}): VfioDevice {
    return whileBusySync(() => this.#openSync(address, options));
  }

  close(): Promise<void> {
    this.#closing ??= this.#closed ? Promise.resolve() : this.#close();
    return this.#closing;
  }

  closeSync(): void {
    if (this.#closed) return;
    // All or nothing: a device that calls still use needs its group and its container.
    for (const device of this.#devices) device.assertIdle();
    this.#closed = true;
    const failures = new Failures();
    for (const device of [...this.#devices]) failures.try(() => device.closeSync());
    for (const [domain, container] of [...this.#containers]) {
      if (domain.attached === 0) failures.try(() => domain.closeSync());
      container.close();
    }
    failures.throwIfAny("the vfio-group backend is closed, but");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }

  get #addon(): Native {
    this.#native ??= loadNative();
    return this.#native;
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new PciError("ERR_CLOSED", "this vfio-group backend is closed", { hint: "make a new one" });
  }

  async #open(address: string, options: OpenOptions): Promise<VfioDevice> {
    const opening = this.#begin(address, options);
    let fd = -1;
    try {
      fd = await opening.group.openDevice(opening.address, options.vfToken);
      return this.#finish(opening, fd);
    } catch (error) {
      if (fd >= 0) await this.#addon.closeAsync(fd);
      throw this.#undo(opening, error);
    }
  }

  #openSync(address: string, options: OpenOptions): VfioDevice {
    const opening = this.#begin(address, options);
    let fd = -1;
    try {
      fd = opening.group.openDeviceSync(opening.address, options.vfToken);
      return this.#finish(opening, fd);
    } catch (error) {
      if (fd >= 0) this.#addon.close(fd);
      throw this.#undo(opening, error);
    }
  }

  async #close(): Promise<void> {
    this.#closed = true;
    // What is being opened finds the backend closed, and undoes itself.
    await Promise.all(this.#opens);
    const failures = new Failures();
    await Promise.all([...this.#devices].map((device) => failures.tryAsync(() => device.close())));
    for (const [domain, container] of [...this.#containers]) {
      if (domain.attached === 0) await failures.tryAsync(() => domain.close());
      container.close();
    }
    failures.throwIfAny("the vfio-group backend is closed, but");
  }

  /** Everything before the device descriptor: checks, container, group. Undone here if it fails. */
  #begin(name: string, options: OpenOptions): Opening {
    this.#assertOpen();
    checkType("address", name, "string");
    checkType("options", options, "object");
    checkToken(options.vfToken);
    if (options.domain !== undefined) checkMethods("domain", options.domain, ["attach", "map", "mapSync"]);
    const { address, group: number } = groupOf(name);
    if (this.#addresses.has(address)) throw openTwiceError(address);
    const ownsDomain = options.domain === undefined;
    const domain = options.domain ?? createDomain();
    try {
      const group = this.#groupIn(domain, number, address);
      group.enter();
      this.#addresses.add(address);
      return { address, group, domain, ownsDomain, requireReset: options.requireReset ?? false };
    } catch (error) {
      if (ownsDomain) domain.closeSync();
      throw error;
    }
  }

  /** Everything after the device descriptor, which is still the caller's if it fails. */
  #finish(opening: Opening, fd: number): VfioDevice {
    const { address, group, domain } = opening;
    this.#assertOpen();
    const device = this.#makeDevice(opening, fd);
    if (opening.requireReset && !device.info.resettable) throw noResetError(address);
    device.attached(domain.attach(group.container, address));
    group.entered();
    this.#devices.add(device);
    return device;
  }

  /** Leaves nothing of an open that failed. Returns the error to throw. */
  #undo({ address, group, domain, ownsDomain }: Opening, error: unknown): unknown {
    this.#addresses.delete(address);
    group.failed();
    if (group.container.groups === 0) group.container.close();
    if (ownsDomain) domain.closeSync();
    return error;
  }

  #groupIn(domain: IommuDomain, number: number, address: string): Group {
    const known = this.#groups.get(number);
    if (known !== undefined && known.container === this.#containers.get(domain)) return known;
    if (known !== undefined) {
      throw new PciError("ERR_GROUP_BUSY", `group ${number} of ${address} is already in another domain`, {
        hint: "open it into the same domain, or close that domain first",
      });
    }
    const container = this.#containers.get(domain) ?? this.#openContainer(domain);
    try {
      return this.#openGroup(number, address, container);
    } catch (error) {
      if (container.groups === 0) container.close();
      throw error;
    }
  }

  #openContainer(domain: IommuDomain): Container {
    const container = Container.open(this.#addon, () => this.#containers.delete(domain));
    this.#containers.set(domain, container);
    return container;
  }

  #openGroup(number: number, address: string, container: Container): Group {
    const onClose = (): unknown => this.#groups.delete(number);
    const group = Group.open(this.#addon, number, address, container, onClose);
    this.#groups.set(number, group);
    return group;
  }

  #makeDevice({ address, domain, ownsDomain }: Opening, fd: number): VfioDevice {
    return new VfioDevice({
      native: this.#addon,
      fd,
      address,
      backend: this.name,
      memory: this.memory,
      domain,
      ownsDomain,
      groupFd: (group) => this.#groups.get(group)?.fd,
      accessOf: (other) => [...this.#devices].find((device) => device.address === other)?.access,
      onClose: (device) => {
        this.#devices.delete(device);
        this.#addresses.delete(device.address);
      },
    });
  }
}

function checkToken(token: string | undefined): void {
  if (token === undefined || VF_TOKEN.test(token)) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `a VF token is a UUID, not ${JSON.stringify(token)}`, {
    hint: "for example 14d63f20-8445-11ea-8900-1f9ce7d5650d",
  });
}

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

/**
 * The backend on the kernel's VFIO container and group interface. An instance owns the groups it opens: keep one for
 * all devices of a process that may share a domain or be hot reset together.
 */
export function vfioGroup(): KernelBackend {
  return new VfioGroupBackend();
}
