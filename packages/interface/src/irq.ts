/**
 * Kinds of interrupt a PCI function may have, in the order of VFIO's numbers (`linux/vfio.h`, `VFIO_PCI_*_IRQ_INDEX`).
 * `err` reports an uncorrectable error, `req` that the kernel wants the device back.
 */
export const irqKinds = ["intx", "msi", "msix", "err", "req"] as const;

/** One of {@link irqKinds}. */
export type IrqKind = (typeof irqKinds)[number];

/** What a backend says of an interrupt kind. */
export interface IrqInfo {
  readonly kind: IrqKind;
  /** Number of vectors; 0 if the function does not have this kind. */
  readonly count: number;
  /** Whether vectors can be masked and unmasked by the user. */
  readonly maskable: boolean;
  /** Whether the provider masks the vector when it fires, so that the user must unmask it (INTx, row R10). */
  readonly autoMasked: boolean;
  /** Whether vectors can be added while others are enabled (the kernel's NORESIZE flag is clear). */
  readonly resizable: boolean;
}

/**
 * What another thread needs to read a target: plain data for `postMessage` or `workerData`. What else is in it is between
 * {@link IrqTarget.share} and the adopting function of the same package, such as `adoptIrqTarget` of
 * `@userpci/vfio-native`.
 */
export interface SharedIrqTarget {
  /** Kind of target, such as `eventfd`. */
  readonly type: string;
}

/**
 * Where a vector's events arrive: an eventfd on kernel backends. Events are counted, never lost: several may be
 * delivered as one count. There is one reader: either a listener or `take`/`waitSync`, in one thread.
 */
export interface IrqTarget extends Disposable {
  readonly closed: boolean;
  /** Whether another thread reads it, or may adopt it; see {@link share}. Absent: never. */
  readonly shared?: boolean;
  /**
   * Calls `listener` on the event loop with the number of events since the last call. An active listener keeps the
   * process alive unless `ref(false)`.
   *
   * @throws PciError `ERR_CLOSED`, `ERR_IRQ_BUSY` if there is a listener already
   */
  listen(listener: (count: number) => void): void;
  /** Stops the listener. Harmless without one. */
  unlisten(): void;
  /** Whether the listener keeps the process alive; true at first. */
  ref(on: boolean): void;
  /**
   * Takes the events that have arrived, without waiting.
   *
   * @returns the count, 0 if none
   * @throws PciError `ERR_CLOSED`, also if it is adopted and was closed where it came from; `ERR_IRQ_BUSY` while there is a
   * listener or another thread reads
   */
  take(): number;
  /**
   * Blocks this thread until an event arrives: asks again and again for a budget, then sleeps. A thread that sleeps takes
   * some microseconds to wake.
   *
   * @param timeoutMs longest sleep in milliseconds; 0 does not sleep
   * @param spinUs the budget in microseconds, 0 to 1,000,000. Default 0: asks once
   * @returns the count, 0 after the time-out
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, and as {@link take}, also if it is closed meanwhile where it
   * came from
   */
  waitSync(timeoutMs: number, spinUs?: number): number;
  /** Adds `count` events, as the device would. @throws PciError `ERR_CLOSED`, `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
  signal(count?: number): void;
  /**
   * Offers the reading to another thread, one at a time. Until that has closed what it adopted, or has ended, whoever
   * reads here gets `ERR_IRQ_BUSY`; events that nobody has read then are this thread's again. When this target closes, or
   * its thread ends, the other one's closes too. A new offer replaces one that nobody has adopted. Absent where a target
   * cannot leave its thread.
   *
   * @throws PciError `ERR_CLOSED`, `ERR_IRQ_BUSY` while there is a listener or another thread reads
   */
  share?(): SharedIrqTarget;
  /** Withdraws an offer that nobody has adopted. Harmless without one. @throws PciError `ERR_IRQ_BUSY` if one has */
  unshare?(): void;
  /** Gives the target up. Harmless twice. */
  close(): void;
}
