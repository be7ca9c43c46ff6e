import { setTimeout } from "node:timers/promises";
import { always } from "./always.ts";
import { DriverChange, type DriverOptions } from "./driver.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import type { Kernel } from "./kernel.ts";
import { FunctionLock, lockPath } from "./lock.ts";
import { type Action, type LockRecord, lockedBy, recordOf } from "./lock-record.ts";
import { isRunning } from "./process-identity.ts";
import type { TreeOptions } from "./tree.ts";

/** Milliseconds between looks at a lock that is waited for. */
const LOOK_MS = 50;

/**
 * Runs the part of a call that changes a function's driver, with nobody else at it. Where an earlier call has left the kernel
 * to it, waits for the kernel.
 *
 * @param work given the function as it is by then
 * @throws PciError `ERR_BUSY` if another call is under way; `ERR_TIMEOUT`, `ERR_ABORTED`; what `work` throws
 */
export async function changing<T>(
  kernel: Kernel,
  action: Action,
  fn: PciFunction,
  options: DriverOptions,
  work: (change: DriverChange, fn: PciFunction) => Promise<T>,
): Promise<T> {
  const { address } = fn;
  let lock: FunctionLock | undefined;
  const start = async () => {
    const writer = await kernel.start(action, address);
    // If this process ends while the kernel is at what that one writes, the lock is that one's.
    await lock?.handTo(writer.identity).catch((error: unknown) => {
      writer.close();
      throw error;
    });
    return writer;
  };
  const change = await DriverChange.begin(kernel, start, fn, options);
  try {
    const taken = await takeTurn(change, recordOf(action, address, change.writer), options);
    lock = taken;
    return await always(
      async () => work(change, findFunction(address, options)),
      () => leave(change, taken),
      `${action} ${address}:`,
    );
  } finally {
    change.close();
  }
}

/** A function that is one's own to change. */
export interface Turn {
  readonly change: DriverChange;
  /** As it is by now. */
  readonly fn: PciFunction;
}

/**
 * {@link changing} for several functions at once: nobody else is at any of them.
 *
 * @param functions by ascending address
 */
export async function changingAll<T>(
  kernel: Kernel,
  action: Action,
  functions: readonly PciFunction[],
  options: DriverOptions,
  work: (turns: readonly Turn[]) => Promise<T>,
): Promise<T> {
  const [first, ...rest] = functions;
  if (first === undefined) return work([]);
  return changing(kernel, action, first, options, (change, fn) =>
    changingAll(kernel, action, rest, options, (turns) => work([{ change, fn }, ...turns])),
  );
}

/** Gives the lock up, as soon as the kernel is at nothing any more; without waiting for that. */
async function leave(change: DriverChange, lock: FunctionLock): Promise<void> {
  if (!change.pending) return lock.release();
  // Also where it cannot be left now.
  void change
    .settled()
    .then(() => lock.release())
    .catch(() => undefined);
  await lock.leaveToWriter();
}

async function takeTurn(
  change: DriverChange,
  record: LockRecord,
  options: TreeOptions,
): Promise<FunctionLock> {
  const first = await take(record, options);
  if (first instanceof FunctionLock) return first;
  const stop = new AbortController();
  try {
    const subject = `the kernel, which is still at an earlier ${first.action} of ${first.address} (in pid ${first.writer.pid})`;
    return await change.wait("lock", takeLater(record, options, stop.signal), subject);
  } finally {
    stop.abort();
  }
}

/** Takes the lock once it is free, unless the caller has stopped waiting for it before. */
async function takeLater(
  record: LockRecord,
  options: TreeOptions,
  stopped: AbortSignal,
): Promise<FunctionLock> {
  for (;;) {
    await setTimeout(LOOK_MS, undefined, { signal: stopped });
    const taken = await take(record, options);
    if (!(taken instanceof FunctionLock)) continue;
    if (!stopped.aborted) return taken;
    await taken.release();
  }
}

/** Takes the lock, or tells who has left it to the kernel. @throws PciError `ERR_BUSY` if a caller still has it */
async function take(record: LockRecord, options: TreeOptions): Promise<FunctionLock | LockRecord> {
  const taken = await FunctionLock.take(record, options);
  const { caller } = taken instanceof FunctionLock ? record : taken;
  if (taken instanceof FunctionLock || caller === null || !isRunning(caller)) return taken;
  const hint = `when that has ended, look at what came of it: userpci show ${taken.address}`;
  throw lockedBy(taken, lockPath(taken.address, options), hint);
}
