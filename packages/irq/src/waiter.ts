import { formatValue, PciError } from "@userpci/interface";
import type { WaitOptions } from "./vector.ts";

/** A promise of events that a time-out or a signal may end first. Settles once; later calls do nothing. */
export class Waiter {
  readonly promise: Promise<number>;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #ended: () => void;
  #resolve!: (count: number) => void;
  #reject!: (error: unknown) => void;

  /**
   * @param keepAlive whether the time-out keeps the process alive
   * @param ended called when the time-out or the signal has ended the wait
   * @param lastLook called then where it was the time-out: how many events have come by now
   */
  constructor(
    { signal, timeoutMs }: WaitOptions,
    keepAlive: boolean,
    ended: () => void,
    lastLook: () => number,
  ) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#signal = signal;
    this.#ended = ended;
    signal?.addEventListener("abort", this.#aborted);
    if (timeoutMs === undefined) return;
    this.#timer = setTimeout(() => {
      ended();
      this.#resolveWith(lastLook);
    }, timeoutMs);
    // A timer of Node; that of a browser is a number.
    if (!keepAlive) (this.#timer as Partial<NodeJS.Timeout>).unref?.();
  }

  readonly #aborted = (): void => {
    this.#ended();
    this.reject(abortError(this.#signal));
  };

  resolve(count: number): void {
    this.#settle();
    this.#resolve(count);
  }

  #resolveWith(lastLook: () => number): void {
    try {
      this.resolve(lastLook());
    } catch (error) {
      this.reject(error);
    }
  }

  reject(error: unknown): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#aborted);
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT` for what is not a signal, where one may be left out */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof signal?.addEventListener === "function") return;
  throw new PciError("ERR_INVALID_ARGUMENT", `signal must be an AbortSignal, not ${formatValue(signal)}`, {
    hint: "pass controller.signal, or AbortSignal.timeout(ms)",
  });
}

/** @throws PciError `ERR_ABORTED` if the signal has fired */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

function abortError(signal: AbortSignal | undefined): PciError {
  return new PciError("ERR_ABORTED", "waiting for an interrupt was aborted", {
    hint: "the signal that the call was given fired: its reason is the cause",
    cause: signal?.reason,
  });
}
