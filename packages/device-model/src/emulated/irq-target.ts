import { checkInteger, type IrqTarget, PciError } from "@userpci/interface";
import { later } from "./turn.ts";

/** What runs while a thread waits: all devices that could cause what it waits for. */
export interface Surroundings {
  /** Lets them take a step of a microsecond. @returns whether something was done */
  step(): boolean;
  /** Whether something waits for time to pass. */
  readonly pending: boolean;
}

/** Longest interval of a timer, in milliseconds. */
const LONGEST_MS = 0x7fff_ffff;

/** Taken when this module is loaded, as in `turn.ts`. */
const { setInterval, clearInterval } = globalThis;

/** Events of an emulated device's vector: a count, and who is told of it. */
export class EmulatedIrqTarget implements IrqTarget {
  readonly #surroundings: Surroundings;
  #count = 0;
  #listener: ((count: number) => void) | undefined;
  #onSignal: (() => void) | undefined;
  #scheduled = false;
  #closed = false;
  #keepsAlive = true;
  /** Keeps Node's event loop alive while a listener waits; a browser's needs no keeping. */
  #anchor: ReturnType<typeof setInterval> | undefined;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  get closed(): boolean {
    return this.#closed;
  }

  listen(listener: (count: number) => void): void {
    this.#assertFree();
    this.#listener = listener;
    this.#hold();
    if (this.#count > 0) this.#schedule();
  }

  unlisten(): void {
    this.#listener = undefined;
    this.#hold();
  }

  ref(on: boolean): void {
    this.#keepsAlive = on;
    this.#hold();
  }

  take(): number {
    this.#assertFree();
    return this.#drain();
  }

  /** Time is the devices' own: they run until one of them interrupts, or the time-out has passed for them. */
  waitSync(timeoutMs: number, spinUs = 0): number {
    checkInteger("timeoutMs", timeoutMs, 0, LONGEST_MS);
    checkInteger("spinUs", spinUs, 0, 1_000_000);
    this.#assertFree();
    for (let left = timeoutMs * 1000 + spinUs; this.#count === 0 && left > 0; left--) {
      const isBusy = this.#surroundings.step();
      // Nothing will ever happen before this thread goes on: the rest of the time passes at once.
      if (!isBusy && !this.#surroundings.pending) break;
    }
    return this.#drain();
  }

  signal(count = 1): void {
    this.assertOpen();
    this.#count += checkInteger("count", count, 1, 0xffff_ffff);
    this.#onSignal?.();
    if (this.#listener !== undefined) this.#schedule();
  }

  /** Has `call` called with each signal, beside the count; undefined ends that. For unmasking by a target. */
  onSignal(call: (() => void) | undefined): void {
    this.#onSignal = call;
  }

  close(): void {
    this.#closed = true;
    this.#onSignal = undefined;
    this.unlisten();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @throws PciError `ERR_CLOSED` */
  assertOpen(): void {
    if (!this.#closed) return;
    throw new PciError("ERR_CLOSED", "the interrupt target is closed", {
      hint: "make another: device.createIrqTarget()",
    });
  }

  #assertFree(): void {
    this.assertOpen();
    if (this.#listener === undefined) return;
    throw new PciError("ERR_IRQ_BUSY", "a listener reads this interrupt target already", {
      hint: "one reader at a time: call unlisten() first",
    });
  }

  #drain(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  /** Several events until the next turn of the event loop are one call, as with an eventfd. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    later(() => {
      this.#scheduled = false;
      if (this.#listener !== undefined && this.#count > 0) this.#listener(this.#drain());
    });
  }

  #hold(): void {
    const isWanted = this.#listener !== undefined && this.#keepsAlive;
    if (isWanted === (this.#anchor !== undefined)) return;
    if (isWanted) this.#anchor = setInterval(() => undefined, LONGEST_MS);
    else clearInterval(this.#anchor);
    if (!isWanted) this.#anchor = undefined;
  }
}

/** The target, if it is one of an emulated device. @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_CLOSED` */
export function emulatedTarget(target: IrqTarget): EmulatedIrqTarget {
  if (target instanceof EmulatedIrqTarget) {
    target.assertOpen();
    return target;
  }
  throw new PciError("ERR_INVALID_ARGUMENT", "this interrupt target was made by another backend", {
    hint: "make it with createIrqTarget() of the same device",
  });
}
