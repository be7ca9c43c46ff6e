import { claim, underGuard } from "./guard.ts";
import type { LockRecord } from "./lock-record.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { removeState, replaceState, statePath } from "./state-file.ts";
import type { TreeOptions } from "./tree.ts";

/** Path of the file that is the lock of a function. */
export function lockPath(address: string, options: TreeOptions): string {
  return statePath(`${address}.lock`, options);
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
   * @throws PciError `ERR_PERMISSION`; `ERR_BUSY` if another version of this package has it
   */
  static async take(record: LockRecord, options: TreeOptions): Promise<FunctionLock | LockRecord> {
    const path = lockPath(record.address, options);
    return (await claim(path, record)) ?? new FunctionLock(path, record);
  }

  /**
   * Names another process that writes, before it does.
   *
   * @throws PciError `ERR_PERMISSION`, `ERR_BUSY`, or with the system's code; the lock is then as it was
   */
  handTo(writer: ProcessIdentity): Promise<void> {
    return this.#update({ writer });
  }

  /**
   * Leaves the lock to the process that writes: the caller no longer waits.
   *
   * @throws PciError `ERR_PERMISSION`, `ERR_BUSY`, or with the system's code; the lock is then as it was
   */
  leaveToWriter(): Promise<void> {
    return this.#update({ caller: null });
  }

  /**
   * Gives the lock up.
   *
   * @throws PciError `ERR_PERMISSION`, `ERR_BUSY`, or with the system's code; it is then free when its owners have ended
   */
  release(): Promise<void> {
    return this.#change(removeState);
  }

  #update(owners: Partial<LockRecord>): Promise<void> {
    return this.#change(async (path) => {
      const updated = { ...this.#record, ...owners };
      await replaceState(path, JSON.stringify(updated));
      this.#record = updated;
    });
  }

  /** Somebody may have removed the file by hand; the next owner's is not ours to change. */
  #change(act: (path: string) => Promise<void>): Promise<void> {
    return underGuard(this.#path, this.#record, () => JSON.stringify(this.#record), act);
  }
}
