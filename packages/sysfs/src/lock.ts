import { rm } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { identify, isRunning, type ProcessIdentity } from "./process-identity.ts";
import { createState, readState, replaceState, statePath } from "./state-file.ts";
import type { TreeOptions } from "./tree.ts";

/** What a call does to a function. */
export type Action = "bind" | "unbind";

/** Who changes the driver of a function. The lock is theirs while one of both runs. */
export interface LockRecord {
  readonly address: string;
  readonly action: Action;
  /** The process that made the call; null once that has stopped waiting for the kernel. */
  readonly caller: ProcessIdentity | null;
  /** The process that writes for it. */
  readonly writer: ProcessIdentity;
  /** Time of the call, ISO 8601. */
  readonly since: string;
}

/**
 * The right to change the driver of a function: one for `bind` and `unbind` of all processes. A file that names its owners, so
 * it can be asked who has it, and is free when they are gone, however they went.
 */
export class FunctionLock {
  readonly #path: string;
  #record: LockRecord;

  private constructor(path: string, record: LockRecord) {
    this.#path = path;
    this.#record = record;
  }

  /**
   * Takes the lock of the function that `record` names.
   *
   * @returns the lock, or who has it
   * @throws PciError `ERR_PERMISSION`
   */
  static async take(record: LockRecord, options: TreeOptions): Promise<FunctionLock | LockRecord> {
    const path = statePath(`${record.address}.lock`, options);
    const present = await claim(path, JSON.stringify(record));
    return present === null ? new FunctionLock(path, record) : (JSON.parse(present) as LockRecord);
  }

  /** Leaves the lock to the process that writes: the caller no longer waits. */
  async leaveToWriter(): Promise<void> {
    this.#record = { ...this.#record, caller: null };
    await replaceState(this.#path, JSON.stringify(this.#record));
  }

  /** Gives the lock up. */
  async release(): Promise<void> {
    // Somebody may have removed the file by hand; the next owner's is not ours to remove.
    if ((await readState(this.#path)) === JSON.stringify(this.#record)) await rm(this.#path, { force: true });
  }
}

/** Makes a lock file, in place of one whose owners are gone. Returns the text of the one that stands in the way, or null. */
async function claim(path: string, text: string): Promise<string | null> {
  for (;;) {
    if (await createState(path, text)) return null;
    const present = await readState(path);
    if (present === null) continue;
    if (!isLeft(present)) return present;
    await removeLeft(path, present);
  }
}

/**
 * Removes a lock file whose owners are gone. Under a lock of its own: of two processes that find the same file, the slower
 * would remove what the quicker has put in its place.
 */
async function removeLeft(path: string, left: string): Promise<void> {
  const guard = `${path}.left`;
  const mine = JSON.stringify({ caller: identify(process.pid) });
  while ((await claim(guard, mine)) !== null) await setTimeout(5);
  try {
    if ((await readState(path)) === left) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

/** Whether none of the owners runs any more, or the file is none of ours. */
function isLeft(text: string): boolean {
  try {
    const { caller, writer } = JSON.parse(text) as Partial<LockRecord>;
    return ![caller, writer].some((owner) => typeof owner?.pid === "number" && isRunning(owner));
  } catch {
    return true;
  }
}
