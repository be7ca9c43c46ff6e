import { setImmediate } from "node:timers/promises";
import { type PciDevice, PciError } from "userpci";

/** What tells that the device interrupted: a `Vector` of `@userpci/irq` is one. */
export interface Completion {
  /**
   * Resolves with the number of interrupts since the last call, 0 after the time-out.
   *
   * @throws PciError `ERR_ABORTED`, `ERR_CLOSED`
   */
  wait(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<number>;
}

/** How to wait. */
export interface Wait {
  readonly device: PciDevice;
  /** Waits by interrupt if given, by polling if not. */
  readonly completion: Completion | undefined;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 2000;

/**
 * Waits until a condition of the device holds.
 *
 * @param what is awaited, for the message
 * @param done reads the device; called again and again
 * @throws PciError `ERR_TIMEOUT`, `ERR_ABORTED`
 */
export async function waitFor(what: string, done: () => boolean, wait: Wait): Promise<void> {
  const { device, completion, signal, timeoutMs = DEFAULT_TIMEOUT_MS } = wait;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    checkAborted(what, signal);
    if (done()) return;
    const left = deadline - performance.now();
    if (left <= 0) {
      throw new PciError("ERR_TIMEOUT", `${what} of ${device.address} took more than ${timeoutMs} ms`, {
        hint: "check that bus mastering is on and that the interrupt is enabled; reset the device if it is stuck",
      });
    }
    if (completion !== undefined)
      await completion.wait({ timeoutMs: Math.ceil(left), ...(signal && { signal }) });
    else {
      device.relax();
      await setImmediate();
    }
  }
}

/** @throws PciError `ERR_ABORTED` if the signal has fired */
export function checkAborted(what: string, signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new PciError("ERR_ABORTED", `waiting for ${what} was aborted`, { cause: signal.reason });
}
