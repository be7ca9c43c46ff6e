import type { IrqInfo, IrqKind, SharedIrqTarget } from "@userpci/interface";

/** How a reader spends the time before it sleeps. */
export interface SpinOptions {
  /**
   * Asks for events again and again for so many microseconds before it sleeps, 0 to 1,000,000. Meanwhile this thread does
   * nothing else. A thread that sleeps takes some microseconds to wake: a budget near the device's own time saves them.
   * Default 0: asks once.
   */
  readonly spinUs?: number;
}

/** How long {@link Vector.waitSync} waits. */
export interface WaitSyncOptions extends SpinOptions {
  /**
   * Longest sleep in milliseconds, 0 to 2^31 - 1; then the count is 0. It begins when the budget of `spinUs` is spent; 0
   * does not sleep. Default: no limit.
   */
  readonly timeoutMs?: number;
}

/** How long {@link Vector.wait} waits. */
export interface WaitOptions extends WaitSyncOptions {
  /** Ends the wait: the promise rejects with `ERR_ABORTED`. Events that arrive later are kept for the next call. */
  readonly signal?: AbortSignal;
}

/** How {@link Vector.events} waits for each count, and ends. */
export interface EventsOptions extends SpinOptions {
  /** Ends the iteration: the pending step rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal;
}

/** How long loop-back interrupts took, in milliseconds. */
export interface LatencyStats {
  /** How many were measured. */
  readonly count: number;
  /** The last one. */
  readonly last: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

/**
 * What a vector's readers in this thread were told since it was enabled, or adopted; what still waits to be asked for does
 * not count.
 */
export interface VectorStats {
  /** Events. */
  readonly count: number;
  /** Times that a reader was told of events. */
  readonly deliveries: number;
  /** How far events coalesce: `count / deliveries`, 0 before the first. */
  readonly coalescing: number;
  /** Most events in one delivery. */
  readonly largest: number;
  /** Events in a second, averaged over about the last second: older ones count for less and less. */
  readonly rate: number;
  /**
   * When it was last told, in milliseconds of `performance.now()`; undefined before the first event. After a `waitSync`
   * that may spin it is when the thread asked again, or asked for these statistics: the clock takes as long as the rest.
   */
  readonly lastAt: number | undefined;
  /**
   * From {@link Vector.trigger} until a reader was told; undefined before the first. An interrupt of the device itself tells
   * nobody when it was sent; nor is a trigger measured that comes while an older event waits to be asked for.
   */
  readonly latency: LatencyStats | undefined;
}

/**
 * What another thread needs to adopt a vector: plain data, for `postMessage` or `workerData`. Made by {@link Vector.share}.
 */
export interface SharedVector {
  /** Address of the device, for messages. */
  readonly address: string;
  readonly info: IrqInfo;
  readonly index: number;
  readonly target: SharedIrqTarget;
  /** A target that unmasks the vector when it is signalled, for kinds that mask themselves. */
  readonly unmask?: SharedIrqTarget;
}

/** A listener's hold on a vector. */
export interface Subscription extends Disposable {
  /** Ends it. Harmless twice. */
  close(): void;
}

/**
 * One interrupt vector. Events are counted: several may be handed over as one number, none is lost, whether anybody
 * waits at that moment or not.
 *
 * A vector has one kind of reader at a time: any number of listeners (each is told of every event), or one iterator, or
 * direct calls of `wait`, `waitSync` and `take`. What does not fit throws `ERR_IRQ_BUSY`.
 *
 * Where the provider masks the vector when it fires (INTx, row R10) it is unmasked when the last listener has returned,
 * and otherwise by the next call that asks for events: the iterator's next step, `wait`, `waitSync` or `take`. The device's
 * interrupt is therefore to be acknowledged inside the listener, or before asking again.
 *
 * A vector is read by the thread that enabled it, unless that {@link share | shares} it with another.
 *
 * Every method throws `ERR_CLOSED` after the vector's set is closed.
 */
export interface Vector extends AsyncIterable<number> {
  /** Kind of interrupt that it is a vector of. */
  readonly kind: IrqKind;
  /** Number of the vector, as the function counts them. */
  readonly index: number;
  /** Whether it, or the set that it is of, was closed. */
  readonly closed: boolean;
  /** What it has counted until now, in this thread; a copy at each read, also after it was closed. */
  readonly stats: VectorStats;

  /**
   * Calls `listener` on the event loop with the number of events since it was last called; events that came before the
   * first listener are delivered too. If it throws, the other listeners are called and the vector is unmasked all the
   * same; the error is then thrown as an uncaught exception, as from an `EventTarget`.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_IRQ_BUSY` while an iterator, `wait` or another thread reads the vector
   */
  on(listener: (count: number) => void): Subscription;
  /**
   * Iterates over counts, each above 0. Ends when the vector is closed. It reads the vector from its first step until it
   * ends, by `break` too.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_CLOSED`; from a step: `ERR_IRQ_BUSY` if something else
   * reads the vector, `ERR_ABORTED`
   */
  events(options?: EventsOptions): AsyncIterableIterator<number>;
  /** {@link events} without options. */
  [Symbol.asyncIterator](): AsyncIterableIterator<number>;
  /**
   * Waits for events.
   *
   * @returns how many, 0 if none has come by the time-out
   * @throws PciError (rejects with) `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_IRQ_BUSY`, `ERR_ABORTED`, `ERR_CLOSED`
   * also if the vector is closed while waiting
   */
  wait(options?: WaitOptions): Promise<number>;
  /**
   * Blocks this thread until an event arrives.
   *
   * @returns how many events, 0 after the time-out
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_IRQ_BUSY`, `ERR_CLOSED` also if the vector is adopted and
   * the thread that lent it closes it, or ends, meanwhile
   */
  waitSync(options?: WaitSyncOptions): number;
  /**
   * Takes the events that have arrived, without waiting.
   *
   * @returns how many, 0 if none
   * @throws PciError `ERR_IRQ_BUSY`, `ERR_CLOSED`
   */
  take(): number;
  /**
   * Fires the vector as the device would (loop-back).
   *
   * @throws PciError `ERR_NOT_SUPPORTED`, and what else the backend says
   */
  trigger(): void;
  /**
   * Masks the vector until {@link unmask}, also against the unmasking that follows a delivery.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if the kind cannot be masked, `ERR_IRQ_BUSY` while it is shared
   */
  mask(): void;
  /** Undoes {@link mask}. @throws PciError as {@link mask} */
  unmask(): void;
  /**
   * Whether listeners and pending waits keep the process alive; true at first.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT` for what is no boolean
   */
  ref(on: boolean): void;
  /**
   * Offers the vector to another thread, which makes it its own with `adoptVector`. The vector stays this thread's in all
   * but reading: until the other has closed its own, or has ended, readers here get `ERR_IRQ_BUSY`. Then the vector is
   * this thread's again, with all events that nobody was told of. The vector of the other thread ends with this one. A
   * new offer replaces one that nobody has adopted.
   *
   * @throws PciError `ERR_IRQ_BUSY` if something reads it, here or in another thread, or {@link mask} holds it,
   * `ERR_NOT_SUPPORTED` if the backend's targets cannot leave their thread, or it is adopted itself
   */
  share(): SharedVector;
  /** Withdraws an offer that nobody has adopted; harmless without one. @throws PciError `ERR_IRQ_BUSY` if one has */
  unshare(): void;
}

/** A vector of another thread's device, read by this one; see {@link Vector.share}. */
export interface AdoptedVector extends Vector, Disposable {
  /** Gives it back, with what was not handed over yet. Ends all readers; harmless twice. */
  close(): void;
}
