import { stat } from "node:fs/promises";
import { isPciError } from "@userpci/interface";
import { exclusively } from "./guard.ts";
import { isOwned, type LockRecord, parseLock, recordOf } from "./lock-record.ts";
import { readState, removeState, stateDirectory, statePath } from "./state-file.ts";
import { readNames, type TreeOptions } from "./tree.ts";

/** Milliseconds after which a draft, which is written in a few, is one of a process that was killed. */
const DRAFT_MS = 10_000;

/**
 * Removes files of processes that were killed: locks that nobody has any more, and drafts. They are in nobody's way; this is for tidiness.
 *
 * @returns their paths
 * @throws PciError `ERR_PERMISSION`
 */
export async function removeDebris(options: TreeOptions): Promise<string[]> {
  const removed: string[] = [];
  for (const name of readNames(stateDirectory(options))) {
    const path = statePath(name, options);
    if (
      name.endsWith(".tmp")
        ? await removeDraft(path)
        : /\.(lock|guard)$/.test(name) && (await removeLock(path))
    )
      removed.push(path);
  }
  return removed;
}

async function removeDraft(path: string): Promise<boolean> {
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  if (age < DRAFT_MS) return false;
  await removeState(path);
  return true;
}

/** Whether a lock had no owner, so that it was removed. */
async function removeLock(path: string): Promise<boolean> {
  const record = await ownerless(path);
  if (record === null) return false;
  try {
    // Takes it as anybody would who wants it next, and gives it up.
    await exclusively(path, record, async () => undefined, 0);
    return true;
  } catch (error) {
    if (isPciError(error, "ERR_BUSY")) return false;
    throw error;
  }
}

/** A record to take a lock with, if nobody has it. */
async function ownerless(path: string): Promise<LockRecord | null> {
  const text = await readState(path);
  if (text === null) return null;
  try {
    const record = parseLock(text, path);
    return record !== null && isOwned(record) ? null : recordOf("unbind", record?.address ?? "0000:00:00.0");
  } catch (error) {
    // Of another version, whose owners cannot be told.
    if (isPciError(error, "ERR_BUSY")) return null;
    throw error;
  }
}
