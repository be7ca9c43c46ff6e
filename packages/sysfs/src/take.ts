import { isPciError, PciError } from "@userpci/interface";
import type { Turn } from "./change.ts";
import { type DriverChange, type DriverOptions, VFIO_PCI } from "./driver.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { idOf, Journal, type JournalEntry, readEntry, unknownPast } from "./journal.ts";
import type { Kernel } from "./kernel.ts";
import { permitUser } from "./permit.ts";
import { giveBack } from "./unbind.ts";
import type { SystemUser } from "./user.ts";

/** A function that was bound. */
export interface Taken {
  readonly fn: PciFunction;
  /** Whether it was on another driver, or none, before. */
  readonly changed: boolean;
  readonly entry: JournalEntry;
}

/** A function on its way. */
interface Begun {
  readonly change: DriverChange;
  readonly journal: Journal;
  /** Whether there was an entry before. */
  readonly recorded: boolean;
  readonly changed: boolean;
}

/**
 * Takes functions to vfio-pci, all or none, and gives their nodes to a user. If a step fails each goes back to the driver it had. If this
 * process is killed at any point, the journal says what is to be undone.
 */
export async function takeAll(
  kernel: Kernel,
  turns: readonly Turn[],
  user: SystemUser | null,
  options: DriverOptions,
): Promise<Taken[]> {
  const together = turns.map(({ fn }) => fn.address);
  const begun: Begun[] = [];
  try {
    for (const { change, fn } of turns) {
      const one = await begin(change, fn, together, options);
      begun.push(one);
      if (one.changed) await take(change);
      if (user === null) continue;
      await change.begin("permit");
      await permitUser(kernel, findFunction(fn.address, options), user, one.journal, options);
    }
    for (const { journal, changed } of begun) if (changed) await journal.write({ doing: null });
    return begun.map(({ journal, changed }) => {
      const { entry } = journal;
      return { fn: findFunction(entry.address, options), changed, entry };
    });
  } catch (error) {
    throw await undone(kernel, begun, error, options);
  }
}

async function begin(
  change: DriverChange,
  fn: PciFunction,
  together: readonly string[],
  options: DriverOptions,
): Promise<Begun> {
  const changed = !isVfioDriver(fn.driver);
  const recorded = await readEntry(fn.address, options);
  const journal = new Journal({ ...(await entryFor(fn, recorded, change)), together }, options);
  if (changed) {
    await change.load(VFIO_PCI);
    await journal.begin("bind", "override");
    change.noteSteps((step) => journal.begin("bind", step));
  }
  return { change, journal, recorded: recorded !== null, changed };
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

/** Undoes what was begun, the last first, and returns the error to throw. */
async function undone(
  kernel: Kernel,
  begun: readonly Begun[],
  error: unknown,
  options: DriverOptions,
): Promise<unknown> {
  let thrown = error;
  for (const { change, journal, changed, recorded } of begun.toReversed()) {
    if (!changed && !recorded) await journal.remove().catch(() => undefined);
    // While the kernel is still at it, another write would only wait behind.
    if (changed && !change.pending) thrown = await rolledBack(kernel, change, journal, thrown, options);
  }
  return thrown;
}

/** Undoes a binding that failed and returns the error to throw. */
async function rolledBack(
  kernel: Kernel,
  change: DriverChange,
  journal: Journal,
  error: unknown,
  options: DriverOptions,
): Promise<unknown> {
  const { address } = journal.entry;
  change.ignoreSignal();
  change.endureCallback();
  try {
    await change.renewWriter();
    await giveBack(kernel, change, journal, options);
    return error;
  } catch (second) {
    const [first, then] = [error, second].map((thrown) =>
      thrown instanceof Error ? thrown.message : String(thrown),
    );
    const code = isPciError(error) ? error.code : "ERR_BIND_FAILED";
    return new PciError(code, `${first}; and ${address} could not be given back: ${then}`, {
      hint: `when that is mended: sudo userpci restore ${address}`,
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
  const known = recorded !== null && recorded.id === idOf(fn);
  if (known && (fn.driver === null || bound)) return recorded;
  const kept = { nodes: recorded?.nodes ?? {}, user: recorded?.user ?? null };
  if (bound) return { ...unknownPast(fn), ...kept };
  return {
    ...unknownPast(fn),
    ...kept,
    formerDriver: fn.driver,
    formerOverride: change.hasOverride() ? await change.readOverride() : null,
  };
}
