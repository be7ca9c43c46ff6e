import { isPciError, PciError } from "@userpci/interface";
import { changing } from "./change.ts";
import { type DriverChange, type DriverOptions, VFIO_PCI } from "./driver.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { type JournalEntry, readEntry, unknownPast, writeEntry } from "./journal.ts";
import { type Kernel, kernelOf } from "./kernel.ts";
import { type DeviceNodes, deviceNodes } from "./nodes.ts";
import { checkDriverOptions } from "./options.ts";
import { permitUser, refuseTaken } from "./permit.ts";
import { refuseUnbindable, refuseUnprivileged } from "./refusal.ts";
import type { TreeOptions } from "./tree.ts";
import { giveBack } from "./unbind.ts";
import { findUser, type SystemUser } from "./user.ts";

/** How to bind. */
export interface BindOptions extends DriverOptions {
  /** Name or uid of the ordinary user to open the function's nodes up to. Default: nobody. */
  readonly user?: string | number;
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
 * fails the function goes back to the driver it had.
 *
 * Functions that share a node have one user: the members of a group, and all that are used through `/dev/iommu`. Of two calls at
 * once, for two users, the one that comes to the nodes first succeeds.
 *
 * The driver's remove routine may take long; `onProgress` then tells who keeps it waiting. After a time-out or an abort
 * the kernel is still at it, and the journal stays, so that `unbind` can put things right later. Another process does
 * what the kernel can keep waiting, so this one may end at any time; the next call for the function waits for the kernel first.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_NO_DEVICE`, `ERR_BIND_REFUSED` (a bridge, or virtual functions are enabled), `ERR_NO_IOMMU`,
 * `ERR_PERMISSION`, `ERR_NOT_SUPPORTED` (vfio-pci cannot be loaded), `ERR_BIND_FAILED`, `ERR_TIMEOUT`, `ERR_ABORTED`,
 * `ERR_BUSY`, `ERR_NODE_TAKEN`, `ERR_INVALID_ARGUMENT` for an argument of another type, or a user that does not exist,
 * `ERR_OUT_OF_RANGE` for a time or a uid; what `onProgress` throws, itself where the
 * function is back on its driver, and as the cause of `ERR_ABORTED` where the kernel is still at it
 */
export async function bind(address: string, options: BindOptions = {}): Promise<Binding> {
  checkDriverOptions(options);
  return bindOn(kernelOf(options), address, options);
}

/** {@link bind} on a given kernel. */
export async function bindOn(kernel: Kernel, address: string, options: BindOptions): Promise<Binding> {
  const fn = findFunction(address, options);
  const user = options.user === undefined ? null : findUser(options.user, options);
  refuseUnbindable(fn, options);
  if (isVfioDriver(fn.driver) && user === null) {
    const entry = await readEntry(fn.address, options);
    return bindingOf(fn, entry ?? unknownPast(fn), { changed: false, user }, options);
  }
  const command = `userpci bind ${fn.address}${user === null ? "" : ` --user ${user.name}`}`;
  await refuseUnprivileged(kernel, fn, command, options);
  return changing(kernel, "bind", fn, options, (change, now) => bindNow(kernel, change, now, user, options));
}

async function bindNow(
  kernel: Kernel,
  change: DriverChange,
  fn: PciFunction,
  user: SystemUser | null,
  options: BindOptions,
): Promise<Binding> {
  // As it is now: what it was before the lock may have changed since.
  refuseUnbindable(fn, options);
  if (user !== null) await refuseTaken(fn, user, options);
  const changed = !isVfioDriver(fn.driver);
  const recorded = await readEntry(fn.address, options);
  const entry = await entryFor(fn, recorded, change);
  if (changed) {
    await change.load(VFIO_PCI);
    await writeEntry(entry, options);
  }
  try {
    if (changed) await take(change);
    const bound = findFunction(fn.address, options);
    if (user !== null) {
      change.report("permit");
      await permitUser(kernel, bound, user, entry, options);
    }
    return bindingOf(bound, entry, { changed, user }, options);
  } catch (error) {
    // While the kernel is still at it, another write would only wait behind.
    throw changed && !change.pending ? await rolledBack(kernel, change, entry, error, options) : error;
  }
}

function bindingOf(
  fn: PciFunction,
  { formerDriver = null }: JournalEntry,
  done: Pick<Binding, "changed" | "user">,
  options: TreeOptions,
): Binding {
  return {
    address: fn.address,
    driver: fn.driver ?? VFIO_PCI,
    formerDriver,
    group: fn.iommuGroup!,
    nodes: deviceNodes(fn, options),
    ...done,
  };
}

async function take(change: DriverChange): Promise<void> {
  const overridable = change.hasOverride();
  if (overridable) await change.override(VFIO_PCI);
  await change.release();
  if (overridable) {
    await change.probe();
  } else {
    await takeById(change);
  }
  change.verify(VFIO_PCI);
}

/** The fall-back that row R1 asks for, on kernels without `driver_override` (before Linux 3.16). */
async function takeById(change: DriverChange): Promise<void> {
  try {
    await change.addId(VFIO_PCI);
    if (!isVfioDriver(change.current())) await change.attach(VFIO_PCI);
  } catch (error) {
    // The id may have been learnt all the same; what went wrong first is what to tell.
    await change
      .renewWriter()
      .then(() => change.removeId(VFIO_PCI))
      .catch(() => undefined);
    throw error;
  }
  await change.removeId(VFIO_PCI);
}

/** Undoes a binding that failed and returns the error to throw. */
async function rolledBack(
  kernel: Kernel,
  change: DriverChange,
  entry: JournalEntry,
  error: unknown,
  options: DriverOptions,
): Promise<unknown> {
  const { address } = entry;
  change.ignoreSignal();
  change.endureCallback();
  try {
    await change.renewWriter();
    await giveBack(kernel, change, entry, options);
    return error;
  } catch (second) {
    const [first, then] = [error, second].map((thrown) =>
      thrown instanceof Error ? thrown.message : String(thrown),
    );
    const code = isPciError(error) ? error.code : "ERR_BIND_FAILED";
    return new PciError(code, `${first}; and ${address} could not be given back: ${then}`, {
      hint: `when that is mended: sudo userpci unbind ${address}`,
      cause: error,
    });
  }
}

/** What to record: a binding that was cut short left the true past in the journal. */
async function entryFor(
  fn: PciFunction,
  recorded: JournalEntry | null,
  change: DriverChange,
): Promise<JournalEntry> {
  const bound = isVfioDriver(fn.driver);
  if (recorded !== null && (fn.driver === null || bound)) return recorded;
  if (bound) return unknownPast(fn);
  return {
    ...unknownPast(fn),
    formerDriver: fn.driver,
    formerOverride: change.hasOverride() ? await change.readOverride() : null,
    nodes: recorded?.nodes ?? {},
    user: recorded?.user ?? null,
  };
}
