import { isPciError, type PciError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { always } from "./always.ts";
import { changingAll } from "./change.ts";
import type { DriverOptions } from "./driver.ts";
import { boundAtBoot } from "./driverctl.ts";
import { type PciFunction, readFunction } from "./function.ts";
import { allEntries, type Doing, idOf, Journal, type JournalEntry, readEntry } from "./journal.ts";
import { type Kernel, kernelOf } from "./kernel.ts";
import { FunctionLock, lockPath } from "./lock.ts";
import { lockedBy, recordOf } from "./lock-record.ts";
import { checkDriverOptions } from "./options.ts";
import { withdrawNodes } from "./permit.ts";
import { refuseUnprivileged } from "./refusal.ts";
import { removeDebris } from "./state-debris.ts";
import type { TreeOptions } from "./tree.ts";
import { type Release, unbindNow, unbindOn } from "./unbind.ts";

/** What to restore. */
export interface RestoreOptions extends DriverOptions {
  /** Whether everything that is bound goes back, not only what was cut short. Default false. Not with an address. */
  readonly all?: boolean;
}

/** A function that was put right. */
export interface Restored extends Release {
  /** What a call was at that did not come to its end, such as one that was killed; null for a binding that was complete. */
  readonly cutShort: Doing | null;
  /** False where what was bound is not there any more, also if another function has come to the address: only its nodes were given back. */
  readonly present: boolean;
}

/** What {@link restore} did. */
export interface Restoration {
  readonly restored: readonly Restored[];
  /** Functions that could not be restored, and why. Calling again tries again. */
  readonly failed: readonly { readonly address: string; readonly error: PciError }[];
  /** Files of calls that were killed, which were removed. */
  readonly removed: readonly string[];
}

/**
 * Puts right what `bind` or `unbind` has left, in whatever process and however far it came: functions that were cut short go back to the driver
 * they had, all of those that were bound together; their nodes go to their former owners; files of dead calls are removed. What is
 * bound completely stays, unless it is named or `all` is set. What another call is at is left to it, and a function that has come to the
 * address of one that was bound stays as it is, unless it is named.
 *
 * @param address the function that is to be given back, complete or not, by whomever it was bound; null for all that were cut short
 * @throws PciError what {@link unbind} throws for `address`; without one `ERR_PERMISSION`, `ERR_INVALID_ARGUMENT`, and otherwise what fails is in
 * the result
 */
export async function restore(
  address: string | null = null,
  options: RestoreOptions = {},
): Promise<Restoration> {
  checkDriverOptions(options);
  return restoreOn(kernelOf(options), address, options);
}

/** {@link restore} on a given kernel. */
export async function restoreOn(
  kernel: Kernel,
  address: string | null,
  options: RestoreOptions,
): Promise<Restoration> {
  if (address !== null)
    return { restored: [await restoreOne(kernel, address, options)], failed: [], removed: [] };
  const restored: Restored[] = [];
  const failed: { address: string; error: PciError }[] = [];
  for (const addresses of await setsToRestore(options)) {
    try {
      restored.push(...(await restoreSet(kernel, addresses, options)));
    } catch (error) {
      if (!isPciError(error) || error.code === "ERR_PERMISSION") throw error;
      failed.push({ address: addresses[0]!, error });
    }
  }
  return { restored, failed, removed: await removeDebris(options) };
}

/** Which functions {@link restore} without an address is about: each list was bound by one call. */
export async function setsToRestore(options: RestoreOptions): Promise<string[][]> {
  const entries = await allEntries(options);
  const left = new Map(
    (options.all === true ? entries : cutShort(entries)).map((entry) => [entry.address, entry]),
  );
  const sets: string[][] = [];
  for (const { address, together } of left.values()) {
    if (!left.has(address)) continue;
    const set = [...new Set([address, ...together])].filter((member) => left.has(member));
    for (const member of set) left.delete(member);
    sets.push(set.sort());
  }
  return sets;
}

/** The function at an entry's address; null if there is none, or another than the one that was bound. */
export function functionOf({ address, id }: JournalEntry, options: TreeOptions): PciFunction | null {
  const fn = readFunction(address, options);
  return fn !== null && idOf(fn) === id ? fn : null;
}

/** Entries of calls that did not end, and of what was bound together with those. */
function cutShort(entries: readonly JournalEntry[]): JournalEntry[] {
  const binding = new Set(
    entries.filter(({ doing }) => doing?.action === "bind").map(({ address }) => address),
  );
  return entries.filter(
    ({ doing, together }) => doing !== null || together.some((other) => binding.has(other)),
  );
}

async function restoreOne(kernel: Kernel, address: string, options: RestoreOptions): Promise<Restored> {
  const name = PciAddress.parse(address).toString();
  const entry = await readEntry(name, options);
  if (entry !== null && readFunction(name, options) === null) return restoreGone(kernel, name, options);
  const own = entry !== null && functionOf(entry, options) !== null;
  const release = await unbindOn(kernel, name, options);
  return { ...release, cutShort: own ? entry.doing : null, present: true };
}

async function restoreSet(
  kernel: Kernel,
  addresses: readonly string[],
  options: RestoreOptions,
): Promise<Restored[]> {
  const entriesNow = async () =>
    (await allEntries(options)).filter((entry) => addresses.includes(entry.address));
  const present = (await entriesNow()).flatMap((entry) => functionOf(entry, options) ?? []);
  const gone = addresses.filter((address) => !present.some((fn) => fn.address === address));
  const restored: Restored[] = [];
  for (const address of gone) restored.push(await restoreGone(kernel, address, options));
  if (present.length === 0) return restored;
  const command = `userpci restore${options.all === true ? " --all" : ""}`;
  await refuseUnprivileged(kernel, present[0]!, command, options);
  const given = await changingAll(kernel, "unbind", present, options, async (turns) => {
    const entries = await entriesNow();
    // The call that was at them may have come to its end since.
    if (options.all !== true && cutShort(entries).length === 0) return [];
    const done: Restored[] = [];
    for (const { change, fn } of turns.toReversed()) {
      const entry = entries.find(({ address, id }) => address === fn.address && id === idOf(fn));
      // Another call has given it back since: who has it now is none of ours.
      if (entry === undefined) continue;
      const release = await unbindNow(kernel, change, fn, options);
      done.push({ ...release, cutShort: entry.doing, present: true });
    }
    return done;
  });
  return [...restored, ...given];
}

/** Gives back the nodes of a function that was unplugged while it was bound; what may have come to its address stays as it is. */
async function restoreGone(kernel: Kernel, address: string, options: RestoreOptions): Promise<Restored> {
  const lock = await FunctionLock.take(recordOf("unbind", address), options);
  if (!(lock instanceof FunctionLock))
    throw lockedBy(lock, lockPath(address, options), `when that has ended: sudo userpci restore ${address}`);
  return always(
    async () => {
      const recorded = await readEntry(address, options);
      // By now it may be there again, or the other one bound: that entry is not to be lost.
      const entry = recorded !== null && functionOf(recorded, options) === null ? recorded : null;
      const journal = entry === null ? null : new Journal(entry, options);
      if (journal !== null) await withdrawNodes(kernel, journal, options);
      await journal?.remove();
      return {
        address,
        driver: null,
        changed: journal !== null,
        boundAtBoot: boundAtBoot(address, options),
        cutShort: entry?.doing ?? null,
        present: false,
      };
    },
    () => lock.release(),
    `restore ${address}:`,
  );
}
