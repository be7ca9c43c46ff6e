import { changingAll } from "./change.ts";
import type { DriverOptions } from "./driver.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { groupFunctions } from "./group-functions.ts";
import { idOf, type JournalEntry, readEntry, unknownPast } from "./journal.ts";
import { type Kernel, kernelOf } from "./kernel.ts";
import { type DeviceNodes, deviceNodes } from "./nodes.ts";
import { checkDriverOptions } from "./options.ts";
import { refuseTaken } from "./permit.ts";
import { refuseUnbindable, refuseUnprivileged } from "./refusal.ts";
import { refuseInUse } from "./risks/find-risks.ts";
import { type Taken, takeAll } from "./take.ts";
import type { TreeOptions } from "./tree.ts";
import { findUser, type SystemUser } from "./user.ts";

/** How to bind. */
export interface BindOptions extends DriverOptions {
  /** Name or uid of the ordinary user to open the function's nodes up to. Default: nobody. */
  readonly user?: string | number;
  /** Whether to take a function that the machine uses itself, such as the disk that a mounted file system is on. Default false. */
  readonly force?: boolean;
}

/** A function that is bound to vfio-pci. */
export interface Binding {
  readonly address: string;
  /** `vfio-pci`, or the variant that had it already. */
  readonly driver: string;
  /** The driver it had; null for none, or if it is not known. */
  readonly formerDriver: string | null;
  /** False if it was bound to a VFIO driver before. */
  readonly changed: boolean;
  /** Number of its IOMMU group. */
  readonly group: number;
  readonly nodes: DeviceNodes;
  /** Who owns the nodes now, if that was asked for. */
  readonly user: SystemUser | null;
}

/**
 * Binds a function to vfio-pci and, if asked, opens its nodes up to an ordinary user (row R1). Needs root. Binding twice
 * is harmless. Of `bind` and `unbind` one call a function can be under way, in whatever process; another fails. If a step
 * fails the function goes back to the driver it had. If this process is killed, {@link restore} puts right what it has left.
 *
 * Functions that share a node have one user: the members of a group, and all that are used through `/dev/iommu`. Of two calls at
 * once, for two users, the one that comes to the nodes first succeeds.
 *
 * The driver's remove routine may take long; `onProgress` then tells who keeps it waiting. After a time-out or an abort
 * the kernel is still at it, and the journal stays, so that `unbind` can put things right later. Another process does
 * what the kernel can keep waiting, so this one may end at any time; the next call for the function waits for the kernel first.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_NO_DEVICE`, `ERR_BIND_REFUSED` (a bridge, or virtual functions are enabled), `ERR_NO_IOMMU`, `ERR_IN_USE` without
 * `force`: see {@link findRisks},
 * `ERR_PERMISSION`, `ERR_NOT_SUPPORTED` (vfio-pci cannot be loaded), `ERR_BIND_FAILED`, `ERR_TIMEOUT`, `ERR_ABORTED`,
 * `ERR_BUSY`, `ERR_NODE_TAKEN`, `ERR_INVALID_ARGUMENT` for an argument of another type, or a user that does not exist,
 * `ERR_OUT_OF_RANGE` for a time or a uid; what `onProgress` throws, itself where the
 * function is back on its driver, and as the cause of `ERR_ABORTED` where the kernel is still at it
 */
export async function bind(address: string, options: BindOptions = {}): Promise<Binding> {
  checkDriverOptions(options);
  return bindOn(kernelOf(options), address, options);
}

/**
 * Binds what keeps user space out of a function's IOMMU group, and the function itself: all of them, or none if one cannot be bound.
 * Members without a driver, and bridges on the PCI Express port driver, stay as they are: they are in nobody's way.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @returns what is bound now, by ascending address
 * @throws PciError what {@link bind} throws, for each of them; `ERR_BIND_REFUSED` for a member that is no PCI function
 */
export async function bindGroup(address: string, options: BindOptions = {}): Promise<Binding[]> {
  checkDriverOptions(options);
  return bindGroupOn(kernelOf(options), address, options);
}

/** {@link bindGroup} on a given kernel. */
export async function bindGroupOn(kernel: Kernel, address: string, options: BindOptions): Promise<Binding[]> {
  const fn = findFunction(address, options);
  refuseUnbindable(fn, options);
  return bindAll(kernel, groupFunctions(fn, options), `userpci bind ${fn.address} --group`, options);
}

/** {@link bind} on a given kernel. */
export async function bindOn(kernel: Kernel, address: string, options: BindOptions): Promise<Binding> {
  const fn = findFunction(address, options);
  const [binding] = await bindAll(kernel, [fn], `userpci bind ${fn.address}`, options);
  return binding!;
}

async function bindAll(
  kernel: Kernel,
  functions: readonly PciFunction[],
  line: string,
  options: BindOptions,
): Promise<Binding[]> {
  const user = options.user === undefined ? null : findUser(options.user, options);
  for (const fn of functions) refuseUnbindable(fn, options);
  const isReady = (fn: PciFunction) => isVfioDriver(fn.driver) && user === null;
  const ready = await Promise.all(functions.filter(isReady).map((fn) => boundAlready(fn, options)));
  const rest = functions.filter((fn) => !isReady(fn));
  if (rest.length === 0) return ready;
  const command = `${line}${user === null ? "" : ` --user ${user.name}`}`;
  await refuseUnprivileged(kernel, rest[0]!, command, options);
  const done = await changingAll(kernel, "bind", rest, options, async (turns) => {
    // As they are now: what they were before the locks may have changed since.
    const now = turns.map(({ fn }) => fn);
    for (const fn of now) refuseUnbindable(fn, options);
    if (options.force !== true) await refuseInUse(now, `sudo ${command}`, options);
    if (user !== null) for (const fn of now) await refuseTaken(fn, user, options);
    return takeAll(kernel, turns, user, options);
  });
  const bound = done.map((taken) => bindingOf(taken, user, options));
  return [...ready, ...bound].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** A function that is on a VFIO driver, and is given to nobody. */
async function boundAlready(fn: PciFunction, options: TreeOptions): Promise<Binding> {
  const recorded = await readEntry(fn.address, options);
  const entry: JournalEntry = recorded?.id === idOf(fn) ? recorded : unknownPast(fn);
  return bindingOf({ fn, changed: false, entry }, null, options);
}

function bindingOf({ fn, changed, entry }: Taken, user: SystemUser | null, options: TreeOptions): Binding {
  return {
    address: fn.address,
    driver: fn.driver!,
    formerDriver: entry.formerDriver ?? null,
    group: fn.iommuGroup!,
    nodes: deviceNodes(fn, options),
    changed,
    user,
  };
}
