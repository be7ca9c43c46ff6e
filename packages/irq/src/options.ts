import { checkInteger, checkType } from "@userpci/interface";
import type { EventsOptions, SpinOptions, WaitOptions, WaitSyncOptions } from "./vector.ts";
import { checkSignal } from "./waiter.ts";

/** The longest sleep that a target takes, in milliseconds. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const MAX_SPIN_US = 1_000_000;

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkWaitSyncOptions(options: WaitSyncOptions): void {
  checkSpin(options);
  if (options.timeoutMs !== undefined) checkInteger("timeoutMs", options.timeoutMs, 0, MAX_TIMEOUT_MS);
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkWaitOptions(options: WaitOptions): void {
  checkWaitSyncOptions(options);
  checkSignal(options.signal);
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkEventsOptions(options: EventsOptions): void {
  checkSpin(options);
  checkSignal(options.signal);
}

function checkSpin(options: SpinOptions): void {
  checkType("options", options, "object");
  if (options.spinUs !== undefined) checkInteger("spinUs", options.spinUs, 0, MAX_SPIN_US);
}
