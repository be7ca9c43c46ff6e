import { checkInteger, type IrqTarget, PciError } from "@userpci/interface";
import type { ReplayCursor } from "./replay-cursor.ts";

/** A target at which interrupts arrive as they were recorded. */
export class ReplayTarget implements IrqTarget {
  readonly number: number;
  readonly #cursor: ReplayCursor;
  readonly #device: number;
  #listener: ((count: number) => void) | undefined;
  /** What no listener has been called with. */
  readonly #waiting: { readonly count: number; readonly arrive: () => void }[] = [];
  #closed = false;

  constructor(cursor: ReplayCursor, device: number, number: number) {
    this.#cursor = cursor;
    this.#device = device;
    this.number = number;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * An interrupt of the recording: the listener is called on the event loop, as then.
   *
   * @param arrive called just before: it lets memory be as it was then
   */
  deliver(count: number, arrive: () => void): void {
    this.#waiting.push({ count, arrive });
    this.#schedule();
  }

  listen(listener: (count: number) => void): void {
    this.#assertFree();
    this.#listener = listener;
    this.#schedule();
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
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #schedule(): void {
    if (this.#listener === undefined || this.#waiting.length === 0) return;
    setImmediate(() => {
      if (this.#listener === undefined) return;
      const interrupt = this.#waiting.shift();
      interrupt?.arrive();
      if (interrupt !== undefined) this.#listener(interrupt.count);
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
