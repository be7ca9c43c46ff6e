import { isPciError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { boundAtBoot } from "./driverctl.ts";
import { findFunction } from "./find.ts";
import { type PciFunction, readFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { findHolders, type Holder } from "./holders.ts";
import { type Doing, type JournalEntry, readEntry } from "./journal.ts";
import { deviceNodes } from "./nodes.ts";
import { checkTreeOptions } from "./options.ts";
import { type BindingOrigin, bindingOrigin } from "./origin.ts";
import { type PlannedStep, StepList } from "./planned-step.ts";
import { functionOf, type RestoreOptions, setsToRestore } from "./restore.ts";
import type { TreeOptions } from "./tree.ts";
import { bindingEntry } from "./unbind.ts";

/** What `unbind` or `restore` would do to a function now. */
export interface ReleasePlan {
  readonly address: string;
  /** The driver that it has now. */
  readonly driver: string | null;
  /** Null where what was bound is not there any more, also if another function has come to the address: only its nodes are given back. */
  readonly origin: BindingOrigin | null;
  /** What a call was at that has not come to its end; null for none. */
  readonly cutShort: Doing | null;
  /** What is done, in this order; empty if there is nothing to do. */
  readonly steps: readonly PlannedStep[];
  /** Who has the function open, as far as this user may see: is asked to let go, and keeps the call waiting. */
  readonly holders: readonly Holder[];
  /** File because of which it is on a VFIO driver again after the next boot; null for none. */
  readonly boundAtBoot: string | null;
}

/**
 * What `unbind` would do. Changes nothing, and needs no root.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`, `ERR_PERMISSION` if this user may not read what is recorded of it
 */
export async function planRelease(address: string, options: TreeOptions = {}): Promise<ReleasePlan> {
  checkTreeOptions(options);
  const name = PciAddress.parse(address).toString();
  const recorded = await readEntry(name, options);
  if (recorded !== null && readFunction(name, options) === null) return planGone(recorded, options);
  const fn = findFunction(name, options);
  const entry = await bindingEntry(fn, options);
  const nodes = Object.values(deviceNodes(fn, options)).filter(
    (path) => path !== null && path !== "/dev/iommu",
  );
  return {
    address: fn.address,
    driver: fn.driver,
    origin: await bindingOrigin(fn.address, options),
    cutShort: entry?.doing ?? null,
    steps: entry === null ? [] : releaseSteps(fn, entry, options),
    holders: isVfioDriver(fn.driver) ? (await findHolders(nodes as string[], options)).holders : [],
    boundAtBoot: boundAtBoot(fn.address, options),
  };
}

/**
 * What `restore` would do, a plan for each function. Changes nothing, and needs no root.
 *
 * @param address the function to give back; null for all that were cut short, or with `all` all that are bound
 * @throws PciError what {@link planRelease} does
 */
export async function planRestore(
  address: string | null = null,
  options: RestoreOptions = {},
): Promise<ReleasePlan[]> {
  if (address !== null) return [await planRelease(address, options)];
  const plans: ReleasePlan[] = [];
  for (const set of await setsToRestore(options)) {
    for (const member of set.toReversed()) {
      // It may go by itself meanwhile.
      const plan = await planEntry(member, options).catch((error: unknown) => {
        if (!isPciError(error, "ERR_NO_DEVICE")) throw error;
      });
      if (plan !== undefined) plans.push(plan);
    }
  }
  return plans;
}

/** What `restore` would do because of an entry: to another function that has come to the address, nothing. */
async function planEntry(address: string, options: TreeOptions): Promise<ReleasePlan> {
  const recorded = await readEntry(address, options);
  return recorded !== null && functionOf(recorded, options) === null
    ? planGone(recorded, options)
    : planRelease(address, options);
}

function releaseSteps(fn: PciFunction, entry: JournalEntry, options: TreeOptions): PlannedStep[] {
  const list = new StepList(fn.address, options);
  const { formerDriver: former, formerOverride } = entry;
  const bound = isVfioDriver(fn.driver);
  list.override(formerOverride);
  if (bound) list.release(fn.driver);
  addNodes(list, entry);
  if (bound || fn.driver === null) {
    if (former !== null) {
      if (former !== undefined) list.load(former);
      list.probe(
        former === undefined ? "let the driver take it that the kernel finds" : `let ${former} take it`,
      );
      if (former !== undefined) list.verify(former);
    }
  }
  list.journal("remove the record of what it was");
  return list.steps;
}

function addNodes(list: StepList, { nodes }: JournalEntry): void {
  for (const [path, { uid, gid, mode }] of Object.entries(nodes))
    list.own(path, `give ${path} back to ${uid}:${gid}, mode ${mode.toString(8)}`);
}

function planGone(entry: JournalEntry, options: TreeOptions): ReleasePlan {
  const { address, doing } = entry;
  const list = new StepList(address, options);
  addNodes(list, entry);
  list.journal("remove the record of what it was");
  return {
    address,
    driver: null,
    origin: null,
    cutShort: doing,
    steps: list.steps,
    holders: [],
    boundAtBoot: boundAtBoot(address, options),
  };
}
