import {
  AccessGate,
  type Backend,
  checkOpenOptions,
  checkType,
  type DomainRequest,
  Failures,
  type IommuDomain,
  type OpenOptions,
  PciError,
  UnderWay,
} from "@userpci/interface";
import { createDomain, type DomainOptions } from "@userpci/iommu";
import { EmulatedDevice } from "./device.ts";
import type { FaultPlan } from "./faults/plan.ts";
import type { EmulatedFunction } from "./function.ts";
import type { EmulatedGroup } from "./group.ts";
import { HeapSource } from "./heap-memory.ts";
import type { EmulatedMachine } from "./machine.ts";
import { EmulatedMapper } from "./mapper.ts";
import { turn } from "./turn.ts";

/** A function on its way to being open. */
interface Opening {
  readonly fn: EmulatedFunction;
  readonly domain: IommuDomain;
  readonly ownsDomain: boolean;
  readonly former: EmulatedGroup["owner"];
}

/** What leads to the functions of an emulated machine. */
export class EmulatedBackend implements Backend {
  readonly name = "emulated";
  readonly memory = new HeapSource();
  readonly #machine: EmulatedMachine;
  /** Whether the machine goes with it. */
  readonly #ownsMachine: boolean;
  readonly #devices = new Set<EmulatedDevice>();
  readonly #opens = new UnderWay();
  /** The IOMMU of each function in each domain, which keeps them until it closes. */
  readonly #mappers = new Map<IommuDomain, Map<EmulatedFunction, EmulatedMapper>>();
  #closed = false;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(machine: EmulatedMachine, ownsMachine: boolean) {
    this.#machine = machine;
    this.#ownsMachine = ownsMachine;
  }

  /** What became of the faults that it was made with. */
  get faults(): FaultPlan {
    return this.#machine.faults;
  }

  /**
   * A function in its slot, to be pulled out, plugged in again, and asked back.
   *
   * @param address as it was given. Default: the only one
   * @throws PciError `ERR_NO_DEVICE`; `ERR_INVALID_ARGUMENT` without an address where there are several
   */
  function(address?: string): EmulatedFunction {
    if (address !== undefined) return this.#find(address);
    const [only, ...others] = this.#machine.functions.values();
    if (only !== undefined && others.length === 0) return only;
    throw new PciError("ERR_INVALID_ARGUMENT", `there are ${others.length + 1} functions, so say which`, {
      hint: `one of ${[...this.#machine.functions.keys()].join(", ")}`,
    });
  }

  createDomain(request: DomainRequest & DomainOptions = {}): IommuDomain {
    this.#assertOpen();
    checkType("request", request, "object");
    // Every domain can: the page tables are in software.
    const { dirtyTracking = false, ...options } = request;
    checkType("dirtyTracking", dirtyTracking, "boolean");
    return createDomain(options);
  }

  open(address: string, options: OpenOptions = {}): Promise<EmulatedDevice> {
    return this.#opens.track(this.#open(address, options));
  }

  openSync(address: string, options: OpenOptions = {}): EmulatedDevice {
    return this.#finish(this.#begin(address, options));
  }

  async close(): Promise<void> {
    if (this.#closing === undefined && !this.#closed) this.#assertNoGuests();
    this.#closing ??= this.#closed ? Promise.resolve() : this.#close();
    return this.#closing;
  }

  closeSync(): void {
    if (this.#closed) return;
    // All or nothing: a device that is being reset needs its address space.
    for (const device of this.#devices) device.assertIdle();
    this.#assertNoGuests();
    this.#closed = true;
    const failures = new Failures();
    for (const device of [...this.#devices]) failures.try(() => device.closeSync());
    for (const domain of [...this.#mappers.keys()]) failures.try(() => domain.closeSync());
    if (this.#ownsMachine) failures.try(() => this.#machine.close());
    failures.throwIfAny("the emulated backend is closed, but");
  }

  /** {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** {@link closeSync}. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  async #open(address: string, options: OpenOptions): Promise<EmulatedDevice> {
    const opening = this.#begin(address, options);
    // A driver meets here what it meets on a system, where an open takes a while.
    await turn();
    return this.#finish(opening);
  }

  async #close(): Promise<void> {
    this.#closed = true;
    // What is being opened finds the backend closed, and undoes itself.
    await this.#opens.idle();
    const failures = new Failures();
    await Promise.all([...this.#devices].map((device) => failures.tryAsync(() => device.close())));
    for (const domain of [...this.#mappers.keys()]) await failures.tryAsync(() => domain.close());
    if (this.#ownsMachine) failures.try(() => this.#machine.close());
    failures.throwIfAny("the emulated backend is closed, but");
  }

  #begin(address: string, options: OpenOptions): Opening {
    this.#assertOpen();
    checkOptions(address, options);
    const fn = this.#find(address);
    if (fn.gone) throw missingError(address, [...this.#machine.functions.keys()]);
    if (fn.busy) {
      throw new PciError("ERR_DEVICE_BUSY", `${fn.address} is open already`, {
        hint: "close the first one, or share it: a device opens once at a time",
      });
    }
    if (options.vfToken !== undefined) {
      throw new PciError("ERR_INVALID_ARGUMENT", `${fn.address} takes no VF token`, {
        hint: "a VF token is for virtual functions, which are not emulated",
      });
    }
    if (options.requireReset && !fn.resettable) {
      throw new PciError("ERR_NO_RESET", `${fn.address} has no reset method, and a reset was required`, {
        hint: "open it without requireReset if its state does not matter",
      });
    }
    const ownsDomain = options.domain === undefined;
    const domain = options.domain ?? createDomain();
    const former = fn.group.owner;
    fn.group.claim(this, domain, fn.address);
    fn.reserve();
    return { fn, domain, ownsDomain, former };
  }

  #finish(opening: Opening): EmulatedDevice {
    const { fn, domain, ownsDomain } = opening;
    try {
      this.#assertOpen();
      if (fn.gone) throw fn.goneError("its open");
      const mapper = this.#mapperOf(fn, domain);
      const attachment = domain.attach(mapper, fn.address);
      const access = new AccessGate(fn.address);
      try {
        fn.enter({ access, mapper });
      } catch (error) {
        attachment.detach();
        throw error;
      }
      this.#mappers.get(domain)!.set(fn, mapper);
      const device = new EmulatedDevice({
        fn,
        access,
        domain,
        ownsDomain,
        attachment,
        surroundings: this.#machine,
        backend: this.name,
        memory: this.memory,
        onClose: (closed) => this.#devices.delete(closed),
      });
      this.#devices.add(device);
      return device;
    } catch (error) {
      throw undo(opening, error);
    }
  }

  /** The one that the domain has of it already, if there is one. */
  #mapperOf(fn: EmulatedFunction, domain: IommuDomain): EmulatedMapper {
    for (const known of [...this.#mappers.keys()]) if (known.closed) this.#mappers.delete(known);
    const mappers = this.#mappers.get(domain) ?? new Map<EmulatedFunction, EmulatedMapper>();
    this.#mappers.set(domain, mappers);
    return mappers.get(fn) ?? new EmulatedMapper(fn);
  }

  #find(address: string): EmulatedFunction {
    checkType("address", address, "string");
    const fn = this.#machine.find(address);
    if (fn === undefined) throw missingError(address, [...this.#machine.functions.keys()]);
    return fn;
  }

  #assertOpen(): void {
    if (!this.#closed && !this.#machine.closed) return;
    throw new PciError("ERR_CLOSED", "this emulated backend is closed", { hint: "make a new one" });
  }

  /** @throws PciError `ERR_DOMAIN_IN_USE` */
  #assertNoGuests(): void {
    for (const domain of this.#mappers.keys()) {
      const own = [...this.#devices].filter((device) => device.domain === domain).length;
      const guests = domain.attached - own;
      if (guests <= 0) continue;
      throw new PciError(
        "ERR_DOMAIN_IN_USE",
        `a domain of this emulated backend has ${guests} device(s) of others in it`,
        { hint: "close those first, then this backend" },
      );
    }
  }
}

/** Leaves nothing of an open that failed. Returns the error to throw: why it failed, whatever else does afterwards. */
function undo({ fn, domain, ownsDomain, former }: Opening, error: unknown): unknown {
  const failures = new Failures();
  failures.try(() => fn.leave());
  if (ownsDomain) failures.try(() => domain.closeSync());
  fn.group.release(former);
  return error;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function checkOptions(address: string, options: OpenOptions): void {
  checkType("address", address, "string");
  checkOpenOptions("the open of an emulated function", options);
  const { vfToken } = options;
  if (address === "") {
    throw new PciError("ERR_INVALID_ARGUMENT", "the address of a device is empty", {
      hint: "pass the model's name, or the address that it was given",
    });
  }
  if (vfToken === undefined || UUID.test(vfToken)) return;
  throw new PciError("ERR_INVALID_ARGUMENT", "a VF token is a UUID", {
    hint: "leave it out: emulated functions take none",
  });
}

function missingError(address: string, known: readonly string[]): PciError {
  return new PciError("ERR_NO_DEVICE", `no emulated function has the address ${JSON.stringify(address)}`, {
    hint: `one of ${known.join(", ")}, as long as it is in its slot`,
  });
}
