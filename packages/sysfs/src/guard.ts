import { setTimeout } from "node:timers/promises";
import { always } from "./always.ts";
import { isOwned, type LockRecord, lockedBy, parseLock } from "./lock-record.ts";
import { identify } from "./process-identity.ts";
import { createState, readState, removeState } from "./state-file.ts";

/** Milliseconds between looks at a guard, which nobody has for long. */
const LOOK_MS = 5;

/** Milliseconds after which a guard's owner is taken to be stuck, or dead where that cannot be seen. */
const PATIENCE_MS = 10_000;

/**
 * Makes a lock file, in place of one whose owners are gone.
 *
 * @returns what the one that stands in the way says, or null
 * @throws PciError `ERR_PERMISSION`; `ERR_BUSY` if that is of another version, or cannot be removed
 */
export async function claim(path: string, record: LockRecord): Promise<LockRecord | null> {
  for (;;) {
    if (await createState(path, JSON.stringify(record))) return null;
    const present = await readState(path);
    if (present === null) continue;
    const owner = parseLock(present, path);
    if (owner !== null && isOwned(owner)) return owner;
    // Of two processes that find the same file, the slower would remove what the quicker has put in its place.
    await underGuard(path, record, () => present, removeState);
  }
}

/**
 * Changes a lock file if it still says what it is expected to, with nobody else at it.
 *
 * @param record the call that wants to
 * @param expected asked once nobody else is at the file
 * @throws PciError what {@link exclusively} does; what `act` throws
 */
export async function underGuard(
  path: string,
  record: LockRecord,
  expected: () => string,
  act: (path: string) => Promise<void>,
): Promise<void> {
  await exclusively(`${path}.guard`, record, async () => {
    if ((await readState(path)) === expected()) await act(path);
  });
}

/**
 * Runs something short, milliseconds at most, that no other process may run at the same time.
 *
 * @param path the file that says who is at it
 * @param record the call that it is for
 * @throws PciError `ERR_BUSY` if another is at it for longer than `patienceMs`; `ERR_PERMISSION`; what `act` throws
 */
export async function exclusively<T>(
  path: string,
  record: LockRecord,
  act: () => Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const self = identify(process.pid)!;
  let since = performance.now();
  let former = "";
  for (;;) {
    const owner = await claim(path, { ...record, caller: self, writer: self });
    if (owner === null) return always(act, () => removeState(path), `${path}:`);
    const present = JSON.stringify(owner);
    if (present !== former) since = performance.now();
    former = present;
    if (performance.now() - since >= patienceMs)
      throw lockedBy(owner, path, `if that process is gone or stuck: sudo rm ${path}`);
    await setTimeout(LOOK_MS);
  }
}
