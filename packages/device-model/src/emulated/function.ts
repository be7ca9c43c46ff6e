import {
  type AccessGate,
  DeviceGoneError,
  type DmaDirection,
  type IrqKind,
  PciError,
  regionIndex,
} from "@userpci/interface";
import type { MemoryMapper, Translation } from "@userpci/iommu";
import { describeFunction } from "../host/function-description.ts";
import { hostFunction } from "../host/host.ts";
import type { HostedFunction, IrqSink } from "../host/hosted-function.ts";
import type { DeviceModel } from "../model.ts";
import { faultyModel } from "./faults/faulty-device.ts";
import type { FunctionFaults } from "./faults/plan.ts";
import type { EmulatedGroup } from "./group.ts";
import { HeapSource } from "./heap-memory.ts";
import type { EmulatedIrqTarget } from "./irq-target.ts";
import { LateEvents } from "./late-events.ts";
import { regionName } from "./region-name.ts";

/** Kinds by which the device itself interrupts; the others are the system's. */
const DEVICE_KINDS: readonly IrqKind[] = ["intx", "msi", "msix"];

/** What a function is made of. @internal */
export interface FunctionParts {
  readonly address: string;
  readonly model: DeviceModel;
  readonly group: EmulatedGroup;
  /** None: nothing goes wrong. */
  readonly faults: FunctionFaults | undefined;
}

/** The user of a function: what a device that is open has of it. @internal */
export interface FunctionUser {
  readonly access: AccessGate;
  readonly mapper: MemoryMapper;
}

/**
 * A function in its slot, as who sits before the machine has it: it can be pulled out, plugged in again, and asked back.
 * Drivers open it by its backend.
 */
export class EmulatedFunction {
  readonly address: string;
  readonly model: DeviceModel;
  /** The host's view, for what a test wants to look at. */
  readonly hosted: HostedFunction;
  /** @internal */
  readonly group: EmulatedGroup;
  /** @internal */
  readonly faults: FunctionFaults | undefined;
  readonly #late = new LateEvents();
  readonly #connected = new Map<string, IrqSink>();
  /** Called when its user has closed it. */
  readonly #onLeft: (() => void)[] = [];
  #user: FunctionUser | "opening" | undefined;
  #wanted = false;
  #accesses = 0;

  /** @internal */
  constructor({ address, model, group, faults }: FunctionParts) {
    this.address = address;
    this.model = model;
    this.group = group;
    this.faults = faults;
    this.hosted = hostFunction(faults === undefined ? model : faultyModel(model, faults), {
      memory: new HeapSource(),
      dma: { translate: (iova, size, direction) => this.#translate(iova, size, direction) },
    });
  }

  /** Whether a driver has it open, or is opening it. */
  get busy(): boolean {
    return this.#user !== undefined;
  }

  /**
   * Whether it can be reset alone: by a method of its own, or by its bus if it has that for itself (`pci_parent_bus_reset` in
   * Linux's `drivers/pci/pci.c`).
   */
  get resettable(): boolean {
    if (this.group.functions.length === 1) return this.hosted.info.resettable;
    const { name, config, bars = {}, create } = this.model;
    return describeFunction({ name, config, bars, create }).resetCause !== undefined;
  }

  /** Whether it is out of its slot. */
  get gone(): boolean {
    return this.hosted.gone;
  }

  /** Whether the system has asked for it, and its user still has it. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** How many accesses drivers have begun: what a script counts by `at: { access }`. */
  get accesses(): number {
    return this.#accesses;
  }

  /** Whether something waits for the device's time to pass. */
  get pending(): boolean {
    return this.hosted.pending || this.#late.pending;
  }

  /** Lets a microsecond pass. @returns whether something was done */
  step(): boolean {
    const arrived = this.#late.tick();
    return this.hosted.step() || arrived;
  }

  /** Asks its user to give it back, as a system does that is to take it away; until that resets are refused. */
  request(): void {
    if (this.#user === undefined) return;
    this.#wanted = true;
    this.hosted.request();
  }

  /**
   * Takes it away in order: asks its user for it, waits until that has closed it, and pulls it out.
   *
   * @returns resolves when it is gone
   */
  async remove(): Promise<void> {
    this.request();
    if (this.#user !== undefined) await new Promise<void>((resolve) => this.#onLeft.push(resolve));
    this.unplug();
  }

  /** Pulls it out, whoever uses it. Harmless twice. */
  unplug(): void {
    if (this.gone) return;
    this.#late.clear();
    this.hosted.unplug();
  }

  /**
   * Plugs it in again, as after power-on. Harmless if it is there.
   *
   * @throws PciError `ERR_BUSY` while who had it when it was pulled out has not closed it
   */
  replug(): void {
    if (!this.gone) return;
    if (this.#user !== undefined) {
      throw new PciError("ERR_BUSY", `${this.address} is still open by who had it when it was pulled out`, {
        hint: "close that device first",
      });
    }
    this.hosted.replug();
  }

  /** Keeps others from opening it. @internal */
  reserve(): void {
    this.#user = "opening";
  }

  /** @internal */
  enter(user: FunctionUser): void {
    this.#user = user;
    this.hosted.open();
  }

  /** Gives it back: reset, and with nothing left of its user. @internal */
  leave(): void {
    const wasOpen = this.#user !== undefined && this.#user !== "opening";
    this.#late.clear();
    this.#connected.clear();
    try {
      if (wasOpen) this.hosted.close();
    } finally {
      this.#user = undefined;
      this.#wanted = false;
      for (const left of this.#onLeft.splice(0)) left();
    }
  }

  /** Access of the device that is open. @internal */
  get access(): AccessGate | undefined {
    return this.#user === "opening" ? undefined : this.#user?.access;
  }

  /** One access of the driver. @internal */
  read(index: number, offset: number, bytes: Uint8Array): void {
    this.#begin();
    for (const due of this.faults?.next("read") ?? []) {
      if (this.gone) break;
      this.faults!.happened(due);
      bytes.fill(0xff);
      this.step();
      return;
    }
    this.hosted.read(index, offset, bytes);
    // Config space goes on to answer ones, as the kernel's does.
    if (this.gone && index !== regionIndex.config) {
      throw this.goneError(`offset 0x${offset.toString(16)} of ${regionName(index)}`);
    }
  }

  /** As {@link read}; what finds nobody is dropped, as on the bus. @internal */
  write(index: number, offset: number, bytes: Uint8Array): void {
    this.#begin();
    this.hosted.write(index, offset, bytes);
  }

  /** Counts an access, with what happens at it before it reaches the device. */
  #begin(): void {
    this.#accesses += 1;
    this.#late.tick();
    const faults = this.faults;
    if (faults === undefined) return;
    for (const due of faults.next("access")) {
      if (this.gone) return;
      if (due.fault === "spuriousInterrupt") {
        const vectors = [...this.#connected];
        const [vector, sink] = faults.choose(vectors, due.at) ?? [];
        if (sink === undefined) continue;
        faults.happened(due, vector);
        sink.signal();
        continue;
      }
      faults.happened(due);
      if (due.fault === "unplug") this.unplug();
      else this.request();
    }
  }

  /** Resets the function or, as one of its bus, all of it. @throws PciError as the host, or a fault's `ENOTTY` @internal */
  reset(scope: "function" | "bus"): void {
    if (this.gone) throw this.goneError("its reset");
    this.#late.clear();
    if (scope === "function") this.hosted.reset();
    else this.hosted.busReset();
  }

  /** Whether the reset that is to begin succeeds. @throws PciError `ENOTTY` if not @internal */
  strikeReset(): void {
    for (const due of this.faults?.next("reset") ?? []) {
      this.faults!.happened(due);
      throw new PciError("ENOTTY", `${this.address} could not be reset: it did not come back in time`, {
        hint: "try again, or close the device",
        errno: -25,
      });
    }
  }

  /** @internal */
  goneError(where: string): PciError {
    return new DeviceGoneError(`${this.address} no longer answers: ${where} found nobody`, {
      hint: "close the device; it was unplugged, or its link is down",
    });
  }

  /** Connects vectors to targets. @throws PciError as `BackendDevice.setIrqs` @internal */
  setIrqs(kind: IrqKind, start: number, targets: readonly (EmulatedIrqTarget | null)[]): void {
    const sinks = targets.map((target, i) => target && this.#sinkOf(kind, start + i, target));
    this.hosted.setIrqs(kind, start, sinks);
    if (!DEVICE_KINDS.includes(kind)) return;
    for (const [i, target] of targets.entries()) {
      const key = `${kind} ${start + i}`;
      if (target === null) this.#connected.delete(key);
      else this.#connected.set(key, { signal: () => unlessClosed(target, 1) });
    }
  }

  /** Disables a kind. @internal */
  disableIrqs(kind: IrqKind): void {
    this.hosted.disableIrqs(kind);
    for (const key of [...this.#connected.keys()]) {
      if (key.startsWith(`${kind} `)) this.#connected.delete(key);
    }
  }

  /** The way of a vector's events, on which they can get lost or be late. */
  #sinkOf(kind: IrqKind, vector: number, target: EmulatedIrqTarget): IrqSink {
    const faults = this.faults;
    if (faults === undefined || !DEVICE_KINDS.includes(kind)) {
      return { signal: (count = 1) => unlessClosed(target, count) };
    }
    return {
      signal: (count = 1) => {
        const [due] = faults.next("interrupt");
        if (due !== undefined) faults.happened(due, `${kind} ${vector}`);
        if (due === undefined) unlessClosed(target, count);
        else if (due.fault === "lateInterrupt") this.#late.add(due.us, () => unlessClosed(target, count));
      },
    };
  }

  #translate(iova: bigint, size: number, direction: DmaDirection): Translation {
    const user = this.#user;
    if (user === undefined || user === "opening") return { slices: [], fault: { iova, reason: "unmapped" } };
    return user.mapper.translate(iova, size, direction);
  }
}

/** A target that was closed while its vector is connected takes nothing, as a closed eventfd. */
function unlessClosed(target: EmulatedIrqTarget, count: number): void {
  if (!target.closed) target.signal(count);
}
