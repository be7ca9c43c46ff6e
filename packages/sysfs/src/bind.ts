import { existsSync } from "node:fs";
import { isPciError, PciError } from "@userpci/interface";
import { changing } from "./change.ts";
import { type DriverChange, type DriverOptions, VFIO_PCI } from "./driver.ts";
import { findFunction } from "./find.ts";
import { functionPath, type PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { type JournalEntry, readEntry, removeEntry, writeEntry } from "./journal.ts";
import { type Kernel, kernelOf } from "./kernel.ts";
import { type DeviceNodes, deviceNodes } from "./nodes.ts";
import { permitUser, refuseTaken, withdrawNodes } from "./permit.ts";
import { refuseUnbindable } from "./refusal.ts";
import { pathIn, type TreeOptions } from "./tree.ts";
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

/** A function that was given back. */
export interface Release {
  readonly address: string;
  /** The driver that has it now. */
  readonly driver: string | null;
  /** False if it was on no VFIO driver, so that there was nothing to do. */
  readonly changed: boolean;
}

/**
 * Binds a function to vfio-pci and, if asked, opens its nodes up to an ordinary user (row R1). Needs root. Binding twice
 * is harmless. Of `bind` and {@link unbind} one call a function can be under way, in whatever process; another fails. If a step
 * fails the function goes back to the driver it had.
 *
 * Functions that share a node have one user: the members of a group, and all that are used through `/dev/iommu`.
 *
 * The driver's remove routine may take long; `onProgress` then tells who keeps it waiting. After a time-out or an abort
 * the kernel is still at it, and the journal stays, so that {@link unbind} can put things right later. Another process does
 * what the kernel can keep waiting, so this one may end at any time; the next call for the function waits for the kernel first.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_NO_DEVICE`, `ERR_BIND_REFUSED` (a bridge, or virtual functions are enabled), `ERR_NO_IOMMU`,
 * `ERR_PERMISSION`, `ERR_NOT_SUPPORTED` (vfio-pci cannot be loaded), `ERR_BIND_FAILED`, `ERR_TIMEOUT`, `ERR_ABORTED`,
 * `ERR_BUSY`, `ERR_NODE_TAKEN`, `ERR_INVALID_ARGUMENT` for a user that does not exist
 */
export async function bind(address: string, options: BindOptions = {}): Promise<Binding> {
  return bindOn(kernelOf(options), address, options);
}

/**
 * Gives a function back to the driver it had before {@link bind}, in this or any other process, and its nodes to their
 * former owners. A function that somebody else bound goes to whichever driver the kernel finds. Needs root. Harmless for
 * a function that is not on vfio-pci.
 *
 * A program that has the function open is asked to let go (the REQ interrupt); the call waits until it has.
 *
 * @throws PciError `ERR_NO_DEVICE`, `ERR_PERMISSION`, `ERR_BIND_FAILED`, `ERR_BUSY` while another call is under
 * way, `ERR_TIMEOUT` and `ERR_ABORTED` with the holders; the kernel then finishes by itself, also if this process ends, and
 * calling again completes the rest
 */
export async function unbind(address: string, options: DriverOptions = {}): Promise<Release> {
  return unbindOn(kernelOf(options), address, options);
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

/** {@link unbind} on a given kernel. */
export async function unbindOn(kernel: Kernel, address: string, options: DriverOptions): Promise<Release> {
  const fn = findFunction(address, options);
  if ((await bindingEntry(fn, options)) === null) return notBound(fn);
  await refuseUnprivileged(kernel, fn, `userpci unbind ${fn.address}`, options);
  return changing(kernel, "unbind", fn, options, async (change, now) => {
    const entry = await bindingEntry(now, options);
    if (entry === null) return notBound(now);
    return { address: now.address, driver: await giveBack(kernel, change, entry, options), changed: true };
  });
}

/** What is known of a binding; null where there is none to undo. */
async function bindingEntry(fn: PciFunction, options: TreeOptions): Promise<JournalEntry | null> {
  return (await readEntry(fn.address, options)) ?? (isVfioDriver(fn.driver) ? unknownPast(fn) : null);
}

function notBound({ address, driver }: PciFunction): Release {
  return { address, driver, changed: false };
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

/** Brings a function back to what its entry says, whatever state a binding was left in. Returns its driver. */
async function giveBack(
  kernel: Kernel,
  change: DriverChange,
  entry: JournalEntry,
  options: DriverOptions,
): Promise<string | null> {
  if (change.hasOverride()) await change.override(entry.formerOverride);
  if (isVfioDriver(change.current())) await change.release();
  await withdrawNodes(kernel, entry, options);
  // With another driver on it by now, somebody has decided otherwise since.
  if (change.current() === null) await handTo(change, entry.formerDriver);
  await removeEntry(entry.address, options);
  return change.current();
}

async function handTo(change: DriverChange, former: string | null | undefined): Promise<void> {
  if (former === null) return;
  if (former === undefined) return change.probe();
  await change.load(former);
  await change.probe();
  // None takes it by itself if the former one had it by new_id.
  if (change.current() === null) await change.attach(former);
  change.verify(former);
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
  try {
    await change.renewWriter();
    await giveBack(kernel, change, entry, options);
    return error;
  } catch (second) {
    const [first, then] = [error, second].map((thrown) => (thrown as Error).message);
    const code = isPciError(error) ? error.code : "ERR_BIND_FAILED";
    return new PciError(code, `${first}; and ${address} could not be given back: ${then}`, {
      hint: `when that is mended: sudo userpci unbind ${address}`,
      cause: error,
    });
  }
}

async function refuseUnprivileged(
  kernel: Kernel,
  fn: PciFunction,
  command: string,
  options: TreeOptions,
): Promise<void> {
  const override = functionPath(fn.address, options, "driver_override");
  const probe = pathIn(options, "/sys/bus/pci/drivers_probe");
  const refusal = await kernel.refusal(existsSync(override) ? override : probe, command);
  if (refusal !== null) throw refusal;
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

function unknownPast(fn: PciFunction): JournalEntry {
  return {
    version: 1,
    address: fn.address,
    formerOverride: null,
    nodes: {},
    user: null,
    since: new Date().toISOString(),
  };
}
