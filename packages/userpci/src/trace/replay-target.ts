import { checkInteger, type IrqTarget, PciError } from "@userpci/interface";
import type { ReplayCursor, ReplayedTarget } from "./replay-cursor.ts";

/** A target at which interrupts arrive as they were recorded. */
export class ReplayTarget implements IrqTarget, ReplayedTarget {
  readonly number: number;
  readonly #cursor: ReplayCursor;
  readonly #device: number;
  #listener: ((count: number) => void) | undefined;
  /** Counts that no listener has been called with. */
  readonly #waiting: number[] = [];
  #closed = false;

  constructor(cursor: ReplayCursor, device: number, number: number) {
    this.#cursor = cursor;
    this.#device = device;
    this.number = number;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** See `ReplayedTarget`. */
  get silent(): boolean {
    return !this.#closed && this.#listener === undefined;
  }

  /** An interrupt of the recording: the listener is called on the event loop, as then. */
  deliver(count: number): void {
    this.#waiting.push(count);
    this.#schedule();
  }

  listen(listener: (count: number) => void): void {
    this.#assertFree();
    this.#listener = listener;
    this.#schedule();
    this.#cursor.schedule();
  }

  unlisten(): void {
    this.#listener = undefined;
  }

  /** What the recording has comes at once: nothing is waited for that could keep the process alive. */
  ref(_on: boolean): void {}

  take(): number {
    this.#assertFree();
    return this.#cursor.call(this.#device, "take", [this.number]) as number;
  }

  waitSync(timeoutMs: number, spinUs = 0): number {
    checkInteger("timeoutMs", timeoutMs, 0, 0x7fff_ffff);
    checkInteger("spinUs", spinUs, 0, 1_000_000);
    this.#assertFree();
    return this.#cursor.call(this.#device, "waitSync", [this.number, timeoutMs, spinUs]) as number;
  }

  signal(count = 1): void {
    this.#cursor.call(this.#device, "signal", [this.number, count]);
  }

  close(): void {
    this.#closed = true;
    this.#listener = undefined;
    this.#cursor.schedule();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #schedule(): void {
    if (this.#listener === undefined || this.#waiting.length === 0) return;
    setImmediate(() => {
      if (this.#listener === undefined) return;
      const count = this.#waiting.shift();
      if (count !== undefined) this.#listener(count);
    });
  }

  #assertFree(): void {
    if (this.#closed) {
      throw new PciError("ERR_CLOSED", "the interrupt target is closed", {
        hint: "make another one: device.createIrqTarget()",
      });
    }
    if (this.#listener === undefined) return;
    throw new PciError("ERR_IRQ_BUSY", "a listener reads this interrupt target already", {
      hint: "one reader at a time: call unlisten() first",
    });
  }
}
