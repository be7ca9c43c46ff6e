import { checkInteger, type IrqTarget, PciError, type SharedIrqTarget } from "@userpci/interface";
import { systemError } from "./errno.ts";
import { type AdoptedLease, type LeaseOffer, OfferedLease } from "./eventfd-lease.ts";
import type { Native } from "./native.ts";

/** -EAGAIN: the counter is 0. */
const EAGAIN = -11;

/**
 * Longest sleep in one call of the addon. A thread that is to end, with the process or alone, does so between two: nothing
 * else wakes it.
 */
const SLICE_MS = 100;

/** Name of the kind in a {@link SharedEventfd}. */
export const EVENTFD = "eventfd";

/** An eventfd on its way to another thread of the process. */
export interface SharedEventfd extends SharedIrqTarget {
  readonly type: typeof EVENTFD;
  /** The offering thread's descriptor. */
  readonly fd: number;
  readonly lease: LeaseOffer;
}

/** An eventfd that another thread has made, and is told when it is gone. */
export interface AdoptedEventfd {
  readonly lease: AdoptedLease;
  /** Called when the other thread has closed the target, or has ended. */
  readonly ended: () => void;
}

/** An eventfd as the target of an interrupt vector (`eventfd(2)`): events add up until they are read. */
export class EventfdTarget implements IrqTarget {
  readonly #native: Native;
  #fd: number;
  #watch: number | undefined;
  #keepsAlive = true;
  /** What a wait waits for: the eventfd, and the end of the lease. */
  readonly #awaited: Int32Array;
  #offered: OfferedLease | undefined;
  readonly #adopted: AdoptedEventfd | undefined;

  /**
   * @param adopted of another thread; a new one by default
   * @throws PciError with the system's code if no descriptor is left
   */
  constructor(native: Native, adopted?: AdoptedEventfd) {
    this.#native = native;
    this.#adopted = adopted;
    this.#fd = adopted?.lease.fd ?? native.eventfd(0);
    if (this.#fd < 0) throw systemError(this.#fd, "eventfd");
    this.#awaited = Int32Array.of(this.#fd, ...(adopted ? [adopted.lease.socket] : []));
    adopted?.lease.watch(adopted.ended);
  }

  get closed(): boolean {
    return this.#fd < 0;
  }

  get shared(): boolean {
    if (this.#offered === undefined) return false;
    if (!this.#offered.active) this.#offered = undefined;
    return this.#offered !== undefined;
  }

  /** The descriptor, for the kernel. @throws PciError `ERR_CLOSED` */
  get fd(): number {
    if (this.#fd < 0) throw new PciError("ERR_CLOSED", "the interrupt target is closed");
    return this.#fd;
  }

  listen(listener: (count: number) => void): void {
    this.#assertFree();
    const watch = this.#native.watch(this.#fd, 0, (count) => {
      if (count >= 0) return listener(count);
      this.unlisten();
      throw systemError(count, "read", { message: "the event loop lost its interrupt target" });
    });
    if (watch < 0) throw systemError(watch, "uv_poll_start");
    this.#watch = watch;
    if (!this.#keepsAlive) this.#native.watchRef(watch, false);
  }

  unlisten(): void {
    if (this.#watch === undefined) return;
    this.#native.unwatch(this.#watch);
    this.#watch = undefined;
  }

  ref(on: boolean): void {
    this.#keepsAlive = on;
    if (this.#watch !== undefined) this.#native.watchRef(this.#watch, on);
  }

  take(): number {
    this.#assertFree();
    const count = this.#native.counterRead(this.#fd);
    if (count === EAGAIN) return this.#nothing();
    if (count < 0) throw systemError(count, "read");
    return count;
  }

  waitSync(timeoutMs: number, spinUs = 0): number {
    checkInteger("timeoutMs", timeoutMs, 0, 0x7fff_ffff);
    checkInteger("spinUs", spinUs, 0, 1_000_000);
    this.#assertFree();
    const slice = Math.min(timeoutMs, SLICE_MS);
    const count = this.#native.counterWait(this.#awaited, slice, spinUs);
    if (count > 0) return count;
    if (count < 0) throw systemError(count, "poll");
    return timeoutMs > SLICE_MS ? this.#sleepOn(timeoutMs - SLICE_MS) : this.#nothing();
  }

  signal(count = 1): void {
    const result = this.#native.counterAdd(this.fd, checkInteger("count", count, 1, 0xffff_ffff));
    if (result < 0) throw systemError(result, "write");
  }

  share(): SharedEventfd {
    if (this.#adopted !== undefined) {
      throw new PciError("ERR_NOT_SUPPORTED", "an adopted interrupt target cannot be handed on", {
        hint: "close it here, and call share() in the thread that made it",
      });
    }
    this.unshare();
    this.#assertFree();
    this.#offered = new OfferedLease(this.#native);
    return { type: EVENTFD, fd: this.#fd, lease: this.#offered.offer };
  }

  unshare(): void {
    if (this.#offered?.withdraw() === false) throw busy("another thread reads this interrupt target");
    this.#offered = undefined;
  }

  close(): void {
    if (this.#fd < 0) return;
    this.unlisten();
    this.#offered?.close();
    if (this.#adopted !== undefined) this.#adopted.lease.close();
    else this.#native.close(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #sleepOn(timeoutMs: number): number {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const left = deadline - performance.now();
      // The end of the lease ends a slice as well.
      if (left <= 0 || this.#adopted?.lease.ended) return this.#nothing();
      const count = this.#native.counterWait(this.#awaited, Math.min(left, SLICE_MS), 0);
      if (count > 0) return count;
      if (count < 0) throw systemError(count, "poll");
    }
  }

  /** No event came; was it because there will be none? */
  #nothing(): number {
    if (!this.#adopted?.lease.ended) return 0;
    // It may have come since, and before the end.
    const count = this.#native.counterRead(this.#fd);
    if (count > 0) return count;
    this.#adopted.ended();
    throw new PciError("ERR_CLOSED", "the thread that this interrupt target is from has closed it");
  }

  #assertFree(): void {
    if (this.#fd < 0) throw new PciError("ERR_CLOSED", "the interrupt target is closed");
    if (this.#watch !== undefined) throw busy("a listener reads this interrupt target already");
    if (this.shared) throw busy("another thread reads this interrupt target, or may adopt it");
  }
}

function busy(message: string): PciError {
  return new PciError("ERR_IRQ_BUSY", message, {
    hint: "one reader at a time: call unlisten(), or unshare(), or have the other thread close its own",
  });
}

/** The eventfd of a target. @throws PciError `ERR_INVALID_ARGUMENT` for one of another backend, `ERR_CLOSED` */
export function descriptorOf(target: IrqTarget): number {
  if (target instanceof EventfdTarget) return target.fd;
  throw new PciError("ERR_INVALID_ARGUMENT", "this interrupt target was made by another backend", {
    hint: "make it with createIrqTarget() of the same device",
  });
}
