import { type IrqKind, isPciError } from "@userpci/interface";
import { type IrqDevice, Irqs } from "@userpci/irq";

/** Milliseconds until it is tried again to listen to a device that was being reset. */
const RETRY_MS = 100;

/** Codes of a device that has no events any more. */
const ended = ["ERR_CLOSED", "ERR_DEVICE_GONE", "ENODEV"];

/** Listens to the kernel's events of one kind (`err` or `req`) without keeping the process alive. */
export class KernelEvent {
  readonly #irqs: Irqs;
  readonly #kind: IrqKind;
  readonly #listener: (count: number) => void;
  #started = false;

  constructor(device: IrqDevice, kind: IrqKind, listener: (count: number) => void) {
    this.#irqs = new Irqs(device);
    this.#kind = kind;
    this.#listener = listener;
  }

  /** Whether it listens, or would if the program did not. */
  get started(): boolean {
    return this.#started;
  }

  /** Whether the device has such events. @throws PciError `ERR_CLOSED` */
  get exists(): boolean {
    return this.#irqs.info(this.#kind).count > 0;
  }

  /** Listens from now on, if there is something to hear. Harmless twice. @throws PciError what the backend says */
  start(): void {
    if (this.#started || !this.exists) return;
    this.#connect();
    this.#started = true;
  }

  /**
   * Listens again, after a set of the program's own has taken the events over and was closed.
   *
   * @param isTaken whether the program has such a set by now
   */
  resume(isTaken: () => boolean): void {
    if (!this.#started || this.#irqs.closed || isTaken()) return;
    try {
      for (const set of this.#irqs.enabled()) set.close();
      this.#connect();
    } catch (error) {
      if (isPciError(error, "ERR_RESETTING")) setTimeout(() => this.resume(isTaken), RETRY_MS).unref();
      else if (!isPciError(error) || !ended.includes(error.code)) throw error;
    }
  }

  /** Listens no more. Harmless twice. */
  close(): void {
    this.#irqs.close();
  }

  #connect(): void {
    const vector = this.#irqs.enable(this.#kind).at(0);
    vector.on(this.#listener);
    vector.ref(false);
  }
}
