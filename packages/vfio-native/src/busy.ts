import { setTimeout } from "node:timers/promises";
import { isPciError, type PciError } from "@userpci/interface";
import { findHolders, findHoldersSync } from "@userpci/sysfs";
import { busyError } from "./explain.ts";

/**
 * Waits between attempts, in milliseconds. A node stays busy for a while after its holder has let go: a child keeps what
 * it inherited until its exec (rule 15 of the architecture), and the last close of a device resets it.
 */
const WAITS_MS = [1, 5, 20, 75, 200];

const sleepCell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Tries again while a node is busy.
 *
 * @throws PciError `ERR_DEVICE_BUSY` with the holders if it stays so
 */
export async function whileBusy<T>(attempt: () => Promise<T>): Promise<T> {
  for (let i = 0; ; i++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isNodeBusy(error)) throw error;
      const wait = WAITS_MS[i];
      if (wait === undefined) throw busyError(error, await findHolders([error.path]));
      await setTimeout(wait);
    }
  }
}

/** {@link whileBusy} on this thread. */
export function whileBusySync<T>(attempt: () => T): T {
  for (let i = 0; ; i++) {
    try {
      return attempt();
    } catch (error) {
      if (!isNodeBusy(error)) throw error;
      const wait = WAITS_MS[i];
      if (wait === undefined) throw busyError(error, findHoldersSync([error.path]));
      Atomics.wait(sleepCell, 0, 0, wait);
    }
  }
}

function isNodeBusy(error: unknown): error is PciError & { readonly path: string } {
  return isPciError(error, "EBUSY") && error.path !== undefined;
}
