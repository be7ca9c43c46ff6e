import type { IrqTarget } from "@userpci/interface";
import type { EventLog } from "./event-log.ts";
import type { TargetListener } from "./target-listener.ts";
import type { WaitOptions } from "./vector.ts";
import type { VectorMask } from "./vector-mask.ts";
import { Waiter } from "./waiter.ts";

/** The parts of a vector that reading takes. */
export interface PullParts {
  readonly target: IrqTarget;
  readonly listening: TargetListener;
  readonly mask: VectorMask;
  readonly log: EventLog;
}

/**
 * Reads a vector's target when it is asked to. It leaves the target listened to between two waits, since starting and
 * stopping costs system calls; the first event that finds nobody waiting is put aside and ends the listening, so that a
 * slow consumer is not woken for each event. A time-out ends it too. A target that outlives this thread is listened to only
 * while somebody waits.
 */
export class PullReader {
  readonly #parts: PullParts;
  readonly #outlivesThread: boolean;
  #waiter: Waiter | undefined;
  #pending = 0;

  /** @param outlivesThread whether others read on when this thread ends: what was put aside would be lost to them */
  constructor(parts: PullParts, outlivesThread: boolean) {
    this.#parts = parts;
    this.#outlivesThread = outlivesThread;
  }

  /** Whether somebody waits. */
  get waits(): boolean {
    return this.#waiter !== undefined;
  }

  /** Events that were put aside. */
  get pending(): number {
    return this.#pending;
  }

  /** Takes what was put aside. */
  takePending(): number {
    const count = this.#pending;
    this.#pending = 0;
    return count;
  }

  /** The next events; the caller has seen to it that nothing else reads, and nobody waits. */
  async receive(options: WaitOptions): Promise<number> {
    const { listening, log, mask } = this.#parts;
    if (this.#pending > 0) return log.handOver(this.takePending());
    mask.rearm();
    const found = this.#spin(options.spinUs);
    if (found > 0) return found;
    const waiter = new Waiter(
      options,
      listening.mayKeepAlive,
      () => this.#waited(),
      () => this.#lastLook(),
    );
    this.#waiter = waiter;
    try {
      listening.start();
    } catch (error) {
      this.#waiter = undefined;
      waiter.reject(error);
    }
    return waiter.promise;
  }

  /** Gives events to whoever waits, or puts them aside. */
  arrived(count: number): void {
    const waiter = this.#waiter;
    if (waiter === undefined) {
      this.#pending += count;
      this.#parts.listening.stop();
      return;
    }
    this.#waited();
    this.#parts.log.add(count);
    waiter.resolve(count);
    this.#parts.log.stamp();
  }

  /** Ends a wait with what `reason` makes. Harmless without one. */
  end(reason: () => Error): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    this.#waited();
    waiter.reject(reason());
  }

  /** Asks for events for so long. */
  #spin(spinUs = 0): number {
    if (spinUs === 0) return 0;
    const { listening, log, mask, target } = this.#parts;
    listening.stop();
    const count = target.waitSync(0, spinUs);
    if (count > 0) mask.fired();
    return log.handOver(count);
  }

  /** The time is up. A thread that was held up calls its timers before it hears of events: those that have come count. */
  #lastLook(): number {
    const { listening, log, mask, target } = this.#parts;
    listening.stop();
    const count = target.take();
    if (count > 0) mask.fired();
    return log.handOver(count);
  }

  /** Nobody waits any more: listening goes on where nothing is lost by it, but does not keep the process alive. */
  #waited(): void {
    this.#waiter = undefined;
    if (this.#outlivesThread) this.#parts.listening.stop();
    else this.#parts.listening.idle();
  }
}
