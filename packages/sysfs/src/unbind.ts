import { changing } from "./change.ts";
import type { DriverChange, DriverOptions } from "./driver.ts";
import { boundAtBoot, savedOverride } from "./driverctl.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { idOf, Journal, type JournalEntry, readEntry, unknownPast } from "./journal.ts";
import { type Kernel, kernelOf } from "./kernel.ts";
import { checkDriverOptions } from "./options.ts";
import { driverctlDriver } from "./origin.ts";
import { withdrawNodes } from "./permit.ts";
import { refuseUnprivileged } from "./refusal.ts";
import type { TreeOptions } from "./tree.ts";

/** A function that was given back. */
export interface Release {
  readonly address: string;
  /** The driver that has it now. */
  readonly driver: string | null;
  /** False if it was on no VFIO driver, so that there was nothing to do. */
  readonly changed: boolean;
  /** File because of which it is on a VFIO driver again after the next boot, such as one of driverctl; null for none. */
  readonly boundAtBoot: string | null;
}

/**
 * Gives a function back to the driver it had before `bind`, in this or any other process, and its nodes to their
 * former owners. A function that somebody else bound goes to the driver that driverctl names for it, or else to whichever the
 * kernel finds; if that is vfio-pci once more, because it was taught the function's id (`new_id`), it forgets the id. Needs root. Harmless for
 * a function that is not on vfio-pci.
 *
 * A program that has the function open is asked to let go (the REQ interrupt); the call waits until it has.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_NO_DEVICE`, `ERR_PERMISSION`, `ERR_BIND_FAILED`, `ERR_BUSY` while another call is under
 * way, `ERR_TIMEOUT` and `ERR_ABORTED` with the holders; the kernel then finishes by itself, also if this process ends, and
 * calling again completes the rest; what `onProgress` throws, once the function is given back
 */
export async function unbind(address: string, options: DriverOptions = {}): Promise<Release> {
  checkDriverOptions(options);
  return unbindOn(kernelOf(options), address, options);
}

/** {@link unbind} on a given kernel. */
export async function unbindOn(kernel: Kernel, address: string, options: DriverOptions): Promise<Release> {
  const fn = findFunction(address, options);
  if ((await bindingEntry(fn, options)) === null) return notBound(fn, options);
  await refuseUnprivileged(kernel, fn, `userpci unbind ${fn.address}`, options);
  return changing(kernel, "unbind", fn, options, (change, now) => unbindNow(kernel, change, now, options));
}

/** Gives back a function that is one's own to change. */
export async function unbindNow(
  kernel: Kernel,
  change: DriverChange,
  now: PciFunction,
  options: DriverOptions,
): Promise<Release> {
  const entry = await bindingEntry(now, options);
  if (entry === null) return notBound(now, options);
  const journal = new Journal(entry, options);
  // The kernel takes the driver's link away before it waits: the next call would find a function without a driver.
  await journal.write();
  change.endureCallback();
  change.noteSteps((step) => journal.begin("unbind", step));
  const driver = await giveBack(kernel, change, journal, options);
  change.rethrow();
  return { address: now.address, driver, changed: true, boundAtBoot: boundAtBoot(now.address, options) };
}

/** What is known of a binding; null where there is none to undo. */
export async function bindingEntry(fn: PciFunction, options: TreeOptions): Promise<JournalEntry | null> {
  const recorded = await readEntry(fn.address, options);
  if (recorded?.id === idOf(fn)) return recorded;
  // Another function has come to the address since: of the entry only the nodes are left.
  if (recorded !== null) return { ...foreignPast(fn, options), nodes: recorded.nodes, user: recorded.user };
  return isVfioDriver(fn.driver) ? foreignPast(fn, options) : null;
}

/** The past of a function that somebody else has bound: what driverctl wants, if it has a say. */
function foreignPast(fn: PciFunction, options: TreeOptions): JournalEntry {
  const driver = driverctlDriver(fn, options);
  if (driver === undefined) return unknownPast(fn);
  return {
    ...unknownPast(fn),
    formerDriver: driver,
    formerOverride: savedOverride(fn.address, options)!.driver,
  };
}

function notBound({ address, driver }: PciFunction, options: TreeOptions): Release {
  return { address, driver, changed: false, boundAtBoot: boundAtBoot(address, options) };
}

/** Brings a function back to what its entry says, whatever state a binding was left in. Returns its driver. */
export async function giveBack(
  kernel: Kernel,
  change: DriverChange,
  journal: Journal,
  options: DriverOptions,
): Promise<string | null> {
  const { formerDriver, formerOverride } = journal.entry;
  if (change.hasOverride() && !(await isOthersNow(change, formerDriver)))
    await change.override(formerOverride);
  if (isVfioDriver(change.current())) await change.release();
  await withdrawNodes(kernel, journal, options);
  // With another driver on it by now, somebody has decided otherwise since.
  if (change.current() === null) await handTo(change, journal.entry);
  await journal.remove();
  return change.current();
}

/** Whether somebody has moved the function to a driver of his own choice since, as with driverctl. */
async function isOthersNow(change: DriverChange, former: string | null | undefined): Promise<boolean> {
  const current = change.current();
  if (current === null || current === former || isVfioDriver(current)) return false;
  return (await change.readOverride()) === current;
}

async function handTo(change: DriverChange, { formerDriver, formerOverride }: JournalEntry): Promise<void> {
  if (formerDriver === null) return;
  if (formerDriver === undefined) return handToAny(change);
  await change.load(formerDriver);
  await change.probe();
  if (isVfioDriver(change.current()) && change.hasOverride()) {
    // It was taught the function's id, and comes before the other.
    await change.release();
    await change.override(formerDriver);
    await change.probe();
    await change.override(formerOverride);
  }
  // None takes it by itself if the former one had it by new_id.
  if (change.current() === null) await change.attach(formerDriver);
  change.verify(formerDriver);
}

async function handToAny(change: DriverChange): Promise<void> {
  await change.probe();
  const taker = change.current();
  if (taker === null || !isVfioDriver(taker)) return;
  await change.release();
  await change.removeId(taker);
  await change.probe();
}
