import {
  checkInteger,
  checkType,
  type IrqInfo,
  type IrqKind,
  type IrqTarget,
  PciError,
} from "@userpci/interface";
import { type IrqDevice, kindNames } from "./device.ts";
import { EventLog } from "./event-log.ts";
import { Listeners, throwLater } from "./listeners.ts";
import type {
  EventsOptions,
  Subscription,
  Vector,
  VectorStats,
  WaitOptions,
  WaitSyncOptions,
} from "./vector.ts";
import { type EventSource, VectorEvents } from "./vector-events.ts";
import { VectorMask } from "./vector-mask.ts";
import { checkAborted, checkSignal, Waiter } from "./waiter.ts";

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * The {@link Vector} of a set. It is the one reader of its target. A pull reader leaves the target listened to between
 * two waits, since starting and stopping costs system calls; the first event that finds nobody waiting is kept in
 * `#pending` and ends the listening, so that a slow consumer is not woken for each event.
 */
export class IrqVector implements Vector, EventSource {
  readonly kind: IrqKind;
  readonly index: number;
  readonly target: IrqTarget;
  readonly #device: IrqDevice;
  readonly #mask: VectorMask;
  readonly #log = new EventLog();
  readonly #listeners = new Listeners();
  #waiter: Waiter | undefined;
  #iterator: object | undefined;
  #pending = 0;
  #listening = false;
  #keepAlive = true;
  #closed = false;

  constructor(device: IrqDevice, info: IrqInfo, index: number, target: IrqTarget) {
    this.kind = info.kind;
    this.index = index;
    this.target = target;
    this.#device = device;
    this.#mask = new VectorMask(device, info, index);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get stats(): VectorStats {
    return this.#log.stats;
  }

  on(listener: (count: number) => void): Subscription {
    this.#checkOpen();
    if (typeof listener !== "function") {
      throw new PciError("ERR_INVALID_ARGUMENT", `a listener must be a function, not ${typeof listener}`, {
        hint: "vector.on((count) => { … })",
      });
    }
    if (this.#iterator !== undefined) throw this.#busy("an iterator");
    if (this.#waiter !== undefined) throw this.#busy("a call of wait()");
    const subscription = this.#listeners.add(listener, () => {
      if (this.#listeners.size === 0) this.#unlisten();
    });
    try {
      if (this.#pending === 0) this.#mask.rearm();
      this.#listen();
    } catch (error) {
      subscription.close();
      throw error;
    }
    if (this.#pending > 0) queueMicrotask(() => this.#deliverPending());
    return subscription;
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<number> {
    this.#checkOpen();
    checkType("options", options, "object");
    checkSignal(options.signal);
    return new VectorEvents(this, options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<number> {
    return this.events();
  }

  async wait(options: WaitOptions = {}): Promise<number> {
    checkType("options", options, "object");
    const { signal, timeoutMs } = options;
    checkSignal(signal);
    if (timeoutMs !== undefined) checkInteger("timeoutMs", timeoutMs, 0, MAX_TIMEOUT_MS);
    this.#checkDirect();
    checkAborted(signal);
    return timeoutMs === 0 ? this.take() : this.receive(options);
  }

  waitSync(options: WaitSyncOptions = {}): number {
    checkType("options", options, "object");
    const { timeoutMs } = options;
    if (timeoutMs !== undefined) checkInteger("timeoutMs", timeoutMs, 0, MAX_TIMEOUT_MS);
    this.#checkDirect();
    if (this.#pending > 0) return this.#takePending();
    this.#mask.rearm();
    this.#unlisten();
    let count: number;
    do count = this.target.waitSync(timeoutMs ?? MAX_TIMEOUT_MS);
    while (count === 0 && timeoutMs === undefined);
    return this.#recordNow(count);
  }

  take(): number {
    this.#checkDirect();
    // What was never handed over was not acknowledged either: unmasking would only fire it again.
    if (this.#pending === 0) this.#mask.rearm();
    this.#unlisten();
    return this.#takePending() + this.#recordNow(this.target.take());
  }

  trigger(): void {
    this.#checkOpen();
    this.#device.triggerIrqs(this.kind, this.index, 1);
  }

  mask(): void {
    this.#checkOpen();
    this.#mask.mask();
  }

  unmask(): void {
    this.#checkOpen();
    this.#mask.unmask();
  }

  ref(on: boolean): void {
    checkType("on", on, "boolean");
    this.#checkOpen();
    this.#keepAlive = on;
    if (this.#listening) this.target.ref(on && this.#isAwaited());
  }

  /** One pull of events; the caller has seen to it that nothing else reads. */
  async receive(options: WaitOptions): Promise<number> {
    this.#checkOpen();
    if (this.#waiter !== undefined) throw this.#busy("a call of wait()");
    checkAborted(options.signal);
    if (this.#pending > 0) return this.#takePending();
    this.#mask.rearm();
    const waiter = new Waiter(options, this.#keepAlive, () => this.#waited());
    this.#waiter = waiter;
    try {
      this.#listen();
    } catch (error) {
      this.#waiter = undefined;
      waiter.reject(error);
    }
    return waiter.promise;
  }

  claim(reader: object): void {
    if (this.#iterator === reader) return;
    this.#checkDirect();
    this.#iterator = reader;
  }

  release(reader: object): void {
    if (this.#iterator !== reader) return;
    this.#iterator = undefined;
    this.#endWait();
    this.#unlisten();
  }

  /** Ends all readers and closes the target; the vector no longer fires. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.#endWait();
    this.#unlisten();
    this.target.close();
  }

  readonly #arrived = (count: number): void => {
    this.#record(count);
    if (this.#listeners.size > 0) {
      this.#listeners.emit(count);
      this.#rearmAfterListeners();
    } else if (this.#waiter !== undefined) {
      const waiter = this.#waiter;
      this.#waited();
      waiter.resolve(count);
    } else {
      this.#pending += count;
      this.#unlisten();
    }
    this.#log.stamp();
  };

  #deliverPending(): void {
    if (this.#closed || this.#listeners.size === 0 || this.#pending === 0) return;
    this.#listeners.emit(this.#takePending());
    this.#rearmAfterListeners();
  }

  #record(count: number): void {
    if (count === 0) return;
    this.#log.add(count);
    this.#mask.fired();
  }

  #recordNow(count: number): number {
    this.#record(count);
    this.#log.stamp();
    return count;
  }

  #takePending(): number {
    const count = this.#pending;
    this.#pending = 0;
    return count;
  }

  #rearmAfterListeners(): void {
    if (this.#closed) return;
    try {
      this.#mask.rearm();
    } catch (error) {
      throwLater(error);
    }
  }

  #isAwaited(): boolean {
    return this.#waiter !== undefined || this.#listeners.size > 0;
  }

  #listen(): void {
    if (!this.#listening) this.target.listen(this.#arrived);
    this.#listening = true;
    this.target.ref(this.#keepAlive);
  }

  #unlisten(): void {
    if (!this.#listening) return;
    this.#listening = false;
    this.target.unlisten();
  }

  /** Nobody waits any more: listening goes on, but does not keep the process alive. */
  #waited(): void {
    this.#waiter = undefined;
    if (this.#listening) this.target.ref(false);
  }

  #endWait(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    this.#waited();
    waiter.reject(this.#closedError());
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  /** A direct call may read now: nobody else does. */
  #checkDirect(): void {
    this.#checkOpen();
    if (this.#listeners.size > 0) throw this.#busy(`${this.#listeners.size} listener(s)`);
    if (this.#iterator !== undefined) throw this.#busy("an iterator");
    if (this.#waiter !== undefined) throw this.#busy("a call of wait()");
  }

  #busy(reader: string): PciError {
    return new PciError("ERR_IRQ_BUSY", `${this.#name()} is read by ${reader}`, {
      hint: "end that reader first, or add a second listener with on()",
    });
  }

  #closedError(): PciError {
    return new PciError("ERR_CLOSED", `${this.#name()} is closed`);
  }

  #name(): string {
    return `${kindNames[this.kind]} vector ${this.index} of ${this.#device.address}`;
  }
}
