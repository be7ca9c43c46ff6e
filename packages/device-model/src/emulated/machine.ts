import { checkMethods, checkType, Failures, formatValue, PciError } from "@userpci/interface";
import type { DeviceModel } from "../model.ts";
import type { Faults } from "./faults/kinds.ts";
import { FaultPlan } from "./faults/plan.ts";
import { checkPossible } from "./faults/possible.ts";
import { EmulatedFunction } from "./function.ts";
import { EmulatedGroup } from "./group.ts";
import type { Surroundings } from "./irq-target.ts";

/** One model, whose address is its name; or several by their addresses. */
export type EmulatedModels = DeviceModel | Readonly<Record<string, DeviceModel>>;

/** A PCI address; what comes before the last colon is its bus. */
const PCI_ADDRESS = /^(?<bus>[0-9a-f]{4}:[0-9a-f]{2}):[0-9a-f]{2}\.[0-7]$/;

/**
 * Functions in their slots, with what can go wrong with them: what several backends can be over, as several programs are over
 * one machine. Models behind a port of their own (`busReset`) whose addresses are on one bus share that port, and so an
 * IOMMU group; all others are alone in one.
 */
export class EmulatedMachine implements Surroundings, Disposable {
  /** By address, in the order in which they were given. */
  readonly functions: ReadonlyMap<string, EmulatedFunction>;
  readonly faults: FaultPlan;
  #closed = false;

  /** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for models or faults that make no sense */
  constructor(models: EmulatedModels, faults?: Faults) {
    const byAddress = addressed(models);
    const addresses = [...byAddress.keys()];
    this.faults = new FaultPlan(faults ?? {}, addresses);
    const groups = new Map<string, EmulatedGroup>();
    const functions = new Map<string, EmulatedFunction>();
    for (const [address, model] of byAddress) {
      const { busReset = false } = model;
      const bus = busReset ? (PCI_ADDRESS.exec(address)?.groups?.["bus"] ?? address) : address;
      const group = groups.get(bus) ?? new EmulatedGroup(groups.size, busReset);
      groups.set(bus, group);
      const own = faults === undefined ? undefined : this.faults.of(address);
      const fn = new EmulatedFunction({ address, model, group, faults: own });
      group.functions.push(fn);
      functions.set(address, fn);
    }
    this.functions = functions;
    try {
      if (faults !== undefined) checkPossible(faults, functions);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether something in it waits for time to pass. */
  get pending(): boolean {
    for (const fn of this.functions.values()) if (fn.pending) return true;
    return false;
  }

  /** The function of an address; of domain 0 the short form will do. */
  find(address: string): EmulatedFunction | undefined {
    return this.functions.get(address) ?? this.functions.get(`0000:${address}`);
  }

  /** Lets every function take a step. @returns whether something was done */
  step(): boolean {
    let isBusy = false;
    for (const fn of this.functions.values()) isBusy = fn.step() || isBusy;
    return isBusy;
  }

  /** Ends what runs in it. Devices that are open must be closed before. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const failures = new Failures();
    for (const { hosted } of this.functions.values()) failures.try(() => hosted[Symbol.dispose]());
    failures.throwIfAny("the emulated machine is closed, but");
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT` */
function addressed(models: EmulatedModels): ReadonlyMap<string, DeviceModel> {
  const hint = 'pass a model, such as edu(), or models by address: { "0000:01:00.0": edu() }';
  checkType("models", models, "object", hint);
  if (isModel(models)) {
    checkMethods("the model", models, ["create"], hint);
    return new Map([[checkAddress(models.name), models]]);
  }
  const entries = Object.entries(models);
  if (entries.length === 0)
    throw new PciError("ERR_INVALID_ARGUMENT", "there is no model to emulate", { hint });
  for (const [address, model] of entries) {
    checkMethods(`the model of ${formatValue(checkAddress(address))}`, model, ["create"], hint);
  }
  return new Map(entries);
}

/** Whether one model is meant: models by address have no text for a value. */
const isModel = (models: EmulatedModels): models is DeviceModel =>
  typeof models["create"] === "function" || typeof models["name"] === "string";

function checkAddress(address: string): string {
  checkType("the address of a model", address, "string");
  if (address !== "") return address;
  throw new PciError("ERR_INVALID_ARGUMENT", "the address of a model is empty", {
    hint: "a PCI address such as 0000:01:00.0, or a name",
  });
}
