import { checkType, type IrqInfo, type IrqKind, type IrqTarget, PciError } from "@userpci/interface";
import { kindNames, type VectorDevice } from "./device.ts";
import { EventLog } from "./event-log.ts";
import { Listeners } from "./listeners.ts";
import { checkEventsOptions, checkWaitOptions, checkWaitSyncOptions, MAX_TIMEOUT_MS } from "./options.ts";
import { PullReader } from "./pull-reader.ts";
import { TargetListener } from "./target-listener.ts";
import { throwLater } from "./throw-later.ts";
import type {
  EventsOptions,
  SharedVector,
  Subscription,
  Vector,
  VectorStats,
  WaitOptions,
  WaitSyncOptions,
} from "./vector.ts";
import { type EventSource, VectorEvents } from "./vector-events.ts";
import { VectorMask } from "./vector-mask.ts";
import type { VectorOffer } from "./vector-offer.ts";
import { checkAborted } from "./waiter.ts";

/** A {@link Vector}: the one reader of its target. */
export class IrqVector implements Vector, EventSource {
  readonly kind: IrqKind;
  readonly index: number;
  readonly target: IrqTarget;
  readonly #device: VectorDevice;
  readonly #mask: VectorMask;
  readonly #log = new EventLog();
  readonly #listeners = new Listeners();
  readonly #listening: TargetListener;
  readonly #pull: PullReader;
  readonly #offer: VectorOffer | undefined;
  #iterator: object | undefined;
  #delivering = false;
  #closed = false;

  /** @param offer by which it can be shared; none if it is adopted */
  constructor(device: VectorDevice, info: IrqInfo, index: number, target: IrqTarget, offer?: VectorOffer) {
    this.kind = info.kind;
    this.index = index;
    this.target = target;
    this.#device = device;
    this.#mask = new VectorMask(device, info, index);
    this.#listening = new TargetListener(target, (count) => this.#arrived(count));
    this.#offer = offer;
    const parts = { target, listening: this.#listening, mask: this.#mask, log: this.#log };
    // What was adopted is read on by another thread when this one ends.
    this.#pull = new PullReader(parts, offer === undefined);
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
    if (this.#pull.waits) throw this.#busy("a call of wait()");
    this.#checkNotShared();
    const subscription = this.#listeners.add(listener, () => {
      if (this.#listeners.size === 0) this.#listening.stop();
    });
    try {
      // A listener that adds another may not have acknowledged yet.
      if (this.#pull.pending === 0 && !this.#delivering) this.#mask.rearm();
      this.#listening.start();
    } catch (error) {
      subscription.close();
      throw error;
    }
    if (this.#pull.pending > 0) queueMicrotask(() => this.#deliverPending());
    return subscription;
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<number> {
    this.#checkOpen();
    checkEventsOptions(options);
    return new VectorEvents(this, options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<number> {
    return this.events();
  }

  async wait(options: WaitOptions = {}): Promise<number> {
    checkWaitOptions(options);
    this.#checkDirect();
    checkAborted(options.signal);
    return options.timeoutMs === 0 ? this.waitSync(options) : this.receive(options);
  }

  waitSync(options: WaitSyncOptions = {}): number {
    checkWaitSyncOptions(options);
    this.#checkDirect();
    this.#log.stamp();
    if (this.#pull.pending > 0) return this.#log.handOver(this.#pull.takePending());
    this.#mask.rearm();
    this.#listening.stop();
    const { timeoutMs, spinUs } = options;
    // Whoever spins is in a hurry: what can be done when it asks again, is.
    const hurries = spinUs !== undefined && !this.#log.measures && !this.#mask.isAutomatic;
    const count = this.target.waitSync(timeoutMs ?? MAX_TIMEOUT_MS, spinUs);
    if (count === 0) return timeoutMs === undefined ? this.waitSync() : 0;
    if (!hurries) {
      this.#mask.fired();
      return this.#log.handOver(count);
    }
    this.#log.addLater(count);
    return count;
  }

  take(): number {
    this.#checkDirect();
    // What was never handed over was not acknowledged either: unmasking would only fire it again.
    if (this.#pull.pending === 0) this.#mask.rearm();
    this.#listening.stop();
    const count = this.target.take();
    if (count > 0) this.#mask.fired();
    return this.#log.handOver(this.#pull.takePending() + count);
  }

  trigger(): void {
    this.#checkOpen();
    const began = performance.now();
    this.#device.triggerIrqs(this.kind, this.index, 1);
    // Where an older event is still to be handed over, that one would be measured.
    if (this.#offer?.made !== true && this.#pull.pending === 0) this.#log.triggered(began);
  }

  mask(): void {
    this.#checkOpen();
    this.#checkNotShared();
    this.#mask.mask();
  }

  unmask(): void {
    this.#checkOpen();
    this.#checkNotShared();
    this.#mask.unmask();
  }

  ref(on: boolean): void {
    checkType("on", on, "boolean");
    this.#checkOpen();
    this.#listening.allowKeepAlive(on, this.#pull.waits || this.#listeners.size > 0);
  }

  share(): SharedVector {
    this.unshare();
    this.#checkDirect();
    if (this.#offer === undefined) {
      throw new PciError("ERR_NOT_SUPPORTED", `${this.#name()} is adopted and cannot be handed on`, {
        hint: "close it here, and call share() in the thread that opened the device",
      });
    }
    if (this.#mask.held) {
      throw new PciError("ERR_IRQ_BUSY", `${this.#name()} is held by mask()`, { hint: "unmask() it first" });
    }
    // The offer comes last: what fails before leaves none behind.
    this.#listening.stop();
    // What was handed over was acknowledged by now; the other thread cannot know that it was.
    if (this.#pull.pending === 0) this.#mask.rearm();
    const shared = this.#offer.make();
    this.giveBack();
    this.#log.untriggered();
    return shared;
  }

  unshare(): void {
    this.#checkOpen();
    if (this.#offer?.made !== true) return;
    this.#offer.withdraw();
    this.#mask.fired();
  }

  /** Leaves what was not handed over to the next reader of the target. */
  giveBack(): void {
    const count = this.#pull.takePending();
    if (count > 0) this.target.signal(count);
  }

  /** One pull of events; the caller has seen to it that nothing else reads. */
  receive(options: WaitOptions): Promise<number> {
    this.#checkOpen();
    if (this.#pull.waits) throw this.#busy("a call of wait()");
    checkAborted(options.signal);
    return this.#pull.receive(options);
  }

  claim(reader: object): void {
    if (this.#iterator === reader) return;
    this.#checkDirect();
    this.#iterator = reader;
  }

  release(reader: object): void {
    if (this.#iterator !== reader) return;
    this.#iterator = undefined;
    this.#pull.end(() => this.#closedError());
    this.#listening.stop();
  }

  /** Ends all readers and closes the target; the vector no longer fires. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.#pull.end(() => this.#closedError());
    this.#listening.stop();
    this.target.close();
    this.#offer?.close();
  }

  #arrived(count: number): void {
    this.#mask.fired();
    if (this.#listeners.size > 0) this.#deliver(count);
    else this.#pull.arrived(count);
  }

  #deliverPending(): void {
    if (this.#closed || this.#listeners.size === 0 || this.#pull.pending === 0) return;
    this.#deliver(this.#pull.takePending());
  }

  #deliver(count: number): void {
    this.#log.add(count);
    this.#delivering = true;
    this.#listeners.emit(count);
    this.#delivering = false;
    this.#log.stamp();
    if (this.#closed) return;
    try {
      this.#mask.rearm();
    } catch (error) {
      throwLater(error);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  #checkNotShared(): void {
    if (this.#offer?.made !== true) return;
    if (this.#offer.active) throw this.#busy("another thread, or offered to one");
    this.#offer.takeBack();
    // It may have been masked when it fired for the other thread.
    this.#mask.fired();
  }

  /** A direct call may read now: nobody else does. */
  #checkDirect(): void {
    this.#checkOpen();
    this.#checkNotShared();
    if (this.#listeners.size > 0) throw this.#busy(`${this.#listeners.size} listener(s)`);
    if (this.#iterator !== undefined) throw this.#busy("an iterator");
    if (this.#pull.waits) throw this.#busy("a call of wait()");
  }

  #busy(reader: string): PciError {
    return new PciError("ERR_IRQ_BUSY", `${this.#name()} is read by ${reader}`, {
      hint: "end that reader first, or add a second listener with on(); unshare() withdraws an offer",
    });
  }

  #closedError(): PciError {
    return new PciError("ERR_CLOSED", `${this.#name()} is closed`, {
      hint: "enable the interrupts again, or adopt the vector again: it ends with its set",
    });
  }

  #name(): string {
    return `${kindNames[this.kind]} vector ${this.index} of ${this.#device.address}`;
  }
}
