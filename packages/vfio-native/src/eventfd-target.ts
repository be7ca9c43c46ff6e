import { checkInteger, type IrqTarget, PciError } from "@userpci/interface";
import { systemError } from "./errno.ts";
import type { Native } from "./native.ts";

/** -EAGAIN: the counter is 0. */
const EAGAIN = -11;

/** An eventfd as the target of an interrupt vector (`eventfd(2)`): events add up until they are read. */
export class EventfdTarget implements IrqTarget {
  readonly #native: Native;
  #fd: number;
  #watch: number | undefined;
  #keepsAlive = true;
  readonly #poll = new Int32Array(1);

  /** @throws PciError with the system's code if no descriptor is left */
  constructor(native: Native) {
    this.#native = native;
    this.#fd = native.eventfd(0);
    if (this.#fd < 0) throw systemError(this.#fd, "eventfd");
    this.#poll[0] = this.#fd;
  }

  get closed(): boolean {
    return this.#fd < 0;
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
    if (count === EAGAIN) return 0;
    if (count < 0) throw systemError(count, "read");
    return count;
  }

  waitSync(timeoutMs: number, spinUs = 0): number {
    checkInteger("timeoutMs", timeoutMs, 0, 0x7fff_ffff);
    checkInteger("spinUs", spinUs, 0, 1_000_000);
    this.#assertFree();
    const count = this.#native.counterWait(this.#poll, timeoutMs, spinUs);
    if (count < 0) throw systemError(count, "poll");
    return count;
  }

  signal(count = 1): void {
    const result = this.#native.counterAdd(this.fd, checkInteger("count", count, 1, 0xffff_ffff));
    if (result < 0) throw systemError(result, "write");
  }

  close(): void {
    if (this.#fd < 0) return;
    this.unlisten();
    this.#native.close(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #assertFree(): void {
    if (this.#fd < 0) throw new PciError("ERR_CLOSED", "the interrupt target is closed");
    if (this.#watch === undefined) return;
    throw new PciError("ERR_IRQ_BUSY", "a listener reads this interrupt target already", {
      hint: "one reader at a time: call unlisten() first",
    });
  }
}
