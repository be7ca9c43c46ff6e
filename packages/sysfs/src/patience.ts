import { PciError } from "@userpci/interface";
import { describeHolders, endHolders, type Holder, type HolderReport } from "./holders.ts";

/** How long to wait for the kernel. */
export interface Patience {
  /** What is being waited for, as the reader of a message would say it: "igb to let go of 0000:01:00.0". */
  readonly subject: string;
  /** The command that finishes, when the kernel is ready, what was given up. */
  readonly completion: string;
  /** Milliseconds after which to give up waiting. */
  readonly timeoutMs: number;
  /** Milliseconds between reports. */
  readonly reportMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Who may be in the way. */
  readonly findHolders: () => Promise<HolderReport>;
  /** Told of each report. What it throws ends the wait as an abort does. */
  readonly onWait: (elapsedMs: number, holders: readonly Holder[]) => void;
}

/**
 * Waits for a write that the kernel may sit on. The write itself cannot be called back: after a time-out or an abort it
 * goes on, and takes effect when the kernel is ready.
 *
 * @throws PciError `ERR_TIMEOUT` or `ERR_ABORTED`, both with the holders; what `work` throws
 */
export async function waitPatiently<T>(work: Promise<T>, patience: Patience): Promise<T> {
  const started = performance.now();
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  // After giving up nobody else listens for a late failure.
  work.then(over, over);
  for (;;) {
    const outcome = await race(work, patience, started + patience.timeoutMs);
    if (outcome.done) return outcome.value;
    const elapsedMs = performance.now() - started;
    const report = await patience.findHolders();
    // It may have come to its end while the holders were looked for.
    if (isOver) return work;
    const { signal } = patience;
    if (signal?.aborted) throw givenUp("ERR_ABORTED", elapsedMs, report, patience, signal.reason);
    if (elapsedMs >= patience.timeoutMs) throw givenUp("ERR_TIMEOUT", elapsedMs, report, patience);
    try {
      patience.onWait(elapsedMs, report.holders);
    } catch (cause) {
      throw givenUp("ERR_ABORTED", elapsedMs, report, patience, cause);
    }
  }
}

type Outcome<T> = { done: true; value: T } | { done: false };

/** @param deadline when the time is over, by `performance.now()` */
async function race<T>(
  work: Promise<T>,
  { reportMs, signal }: Patience,
  deadline: number,
): Promise<Outcome<T>> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const pause = new Promise<Outcome<T>>((resolve) => {
    onAbort = () => resolve({ done: false });
    // A timer may be a fraction of a millisecond early.
    timer = setTimeout(onAbort, Math.max(1, Math.min(reportMs, Math.ceil(deadline - performance.now()))));
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([work.then((value): Outcome<T> => ({ done: true, value })), pause]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
  }
}

function givenUp(
  code: "ERR_TIMEOUT" | "ERR_ABORTED",
  elapsedMs: number,
  { holders, unreadable }: HolderReport,
  { subject, completion }: Patience,
  cause?: unknown,
): PciError {
  const who = describeHolders(holders);
  const seconds = (elapsedMs / 1000).toFixed(1);
  return new PciError(code, `waited ${seconds} s for ${subject}${who === "" ? "" : `, held by ${who}`}`, {
    hint: `${whatFrees(holders, unreadable)}\nthen: ${completion}`,
    cause,
    details: { elapsedMs, holders, unreadable },
  });
}

function whatFrees(holders: readonly Holder[], unreadable: number): string {
  if (holders.length > 0) return `${endHolders(holders)}; the kernel goes on by itself then`;
  const more = unreadable > 0 ? ", and run as root to see every process" : "";
  return `the kernel goes on when it can; see \`sudo dmesg | tail\`${more}`;
}
