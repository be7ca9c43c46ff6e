import { changing } from "./change.ts";
import type { DriverChange, DriverOptions } from "./driver.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { type JournalEntry, readEntry, removeEntry, unknownPast, writeEntry } from "./journal.ts";
import { type Kernel, kernelOf } from "./kernel.ts";
import { checkDriverOptions } from "./options.ts";
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
}

/**
 * Gives a function back to the driver it had before `bind`, in this or any other process, and its nodes to their
 * former owners. A function that somebody else bound goes to whichever driver the kernel finds. Needs root. Harmless for
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
  if ((await bindingEntry(fn, options)) === null) return notBound(fn);
  await refuseUnprivileged(kernel, fn, `userpci unbind ${fn.address}`, options);
  return changing(kernel, "unbind", fn, options, async (change, now) => {
    const entry = await bindingEntry(now, options);
    if (entry === null) return notBound(now);
    // The kernel takes the driver's link away before it waits: the next call would find a function without a driver.
    await writeEntry(entry, options);
    change.endureCallback();
    const driver = await giveBack(kernel, change, entry, options);
    change.rethrow();
    return { address: now.address, driver, changed: true };
  });
}

/** What is known of a binding; null where there is none to undo. */
async function bindingEntry(fn: PciFunction, options: TreeOptions): Promise<JournalEntry | null> {
  return (await readEntry(fn.address, options)) ?? (isVfioDriver(fn.driver) ? unknownPast(fn) : null);
}

function notBound({ address, driver }: PciFunction): Release {
  return { address, driver, changed: false };
}

/** Brings a function back to what its entry says, whatever state a binding was left in. Returns its driver. */
export async function giveBack(
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
