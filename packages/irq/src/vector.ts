import type { IrqKind } from "@userpci/interface";

/** How long {@link Vector.waitSync} waits. */
export interface WaitSyncOptions {
  /** Longest wait in milliseconds, 0 to 2^31 - 1; then the count is 0. 0 polls once. Default: no limit. */
  readonly timeoutMs?: number;
}

/** How long {@link Vector.wait} waits. */
export interface WaitOptions extends WaitSyncOptions {
  /** Ends the wait: the promise rejects with `ERR_ABORTED`. Events that arrive later are kept for the next call. */
  readonly signal?: AbortSignal;
}

/** How {@link Vector.events} ends. */
export interface EventsOptions {
  /** Ends the iteration: the pending step rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal;
}

/** What a vector has seen since it was enabled. */
export interface VectorStats {
  /** Events. */
  readonly count: number;
  /** Times that this thread was told of events; `count / deliveries` is how far they coalesce. */
  readonly deliveries: number;
  /** When it was last told, in milliseconds of `performance.now()`; undefined before the first event. */
  readonly lastAt: number | undefined;
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
 * Every method throws `ERR_CLOSED` after the vector's set is closed.
 */
export interface Vector extends AsyncIterable<number> {
  readonly kind: IrqKind;
  /** Number of the vector, as the function counts them. */
  readonly index: number;
  readonly closed: boolean;
  readonly stats: VectorStats;

  /**
   * Calls `listener` on the event loop with the number of events since it was last called; events that came before the
   * first listener are delivered too. If it throws, the other listeners are called and the vector is unmasked all the
   * same; the error is then thrown as an uncaught exception, as from an `EventTarget`.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_IRQ_BUSY` while an iterator or `wait` reads the vector
   */
  on(listener: (count: number) => void): Subscription;
  /**
   * Iterates over counts, each above 0. Ends when the vector is closed. It reads the vector from its first step until it
   * ends, by `break` too.
   *
   * @throws PciError from a step: `ERR_IRQ_BUSY` if something else reads the vector, `ERR_ABORTED`
   */
  events(options?: EventsOptions): AsyncIterableIterator<number>;
  /** {@link events} without options. */
  [Symbol.asyncIterator](): AsyncIterableIterator<number>;
  /**
   * Waits for events.
   *
   * @returns how many, 0 after the time-out
   * @throws PciError (rejects with) `ERR_IRQ_BUSY`, `ERR_ABORTED`, `ERR_OUT_OF_RANGE`, `ERR_CLOSED` also if the vector is
   * closed while waiting
   */
  wait(options?: WaitOptions): Promise<number>;
  /**
   * Blocks this thread until an event arrives.
   *
   * @returns how many events, 0 after the time-out
   * @throws PciError `ERR_IRQ_BUSY`, `ERR_OUT_OF_RANGE`
   */
  waitSync(options?: WaitSyncOptions): number;
  /**
   * Takes the events that have arrived, without waiting.
   *
   * @returns how many, 0 if none
   * @throws PciError `ERR_IRQ_BUSY`
   */
  take(): number;
  /** Fires the vector as the device would (loop-back). */
  trigger(): void;
  /**
   * Masks the vector until {@link unmask}, also against the unmasking that follows a delivery.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if the kind cannot be masked
   */
  mask(): void;
  /** Undoes {@link mask}. @throws PciError `ERR_NOT_SUPPORTED` if the kind cannot be masked */
  unmask(): void;
  /** Whether listeners and pending waits keep the process alive; true at first. */
  ref(on: boolean): void;
}
