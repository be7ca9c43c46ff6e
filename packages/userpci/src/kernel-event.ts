import { isPciError } from "@userpci/interface";
import { type IrqDevice, Irqs } from "@userpci/irq";

/** Milliseconds until it is tried again to listen to a device that was being reset. */
const RETRY_MS = 100;

/** Codes of a device that has no events any more. */
const ended = ["ERR_CLOSED", "ERR_DEVICE_GONE", "ENODEV"];

/** What the program calls to hear of events of a kind. */
export const listens = {
  err: "device.onError((report) => { … })",
  req: "device.onRelease(async (request) => { … })",
} as const;

/** A kind that the kernel itself has something to say by. */
export type EventKind = keyof typeof listens;

/** Listens to the kernel's events of one kind (`err` or `req`) without keeping the process alive. */
export class KernelEvent {
  readonly #address: string;
  readonly #irqs: Irqs;
  readonly #kind: EventKind;
  readonly #listener: (count: number) => void;
  readonly #isTaken: () => boolean;
  #started = false;
  /** Whether the events could not be had again. */
  #lost = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** @param isTaken whether the program has a set of the kind, which has the events until it is closed */
  constructor(device: IrqDevice, kind: EventKind, listener: (count: number) => void, isTaken: () => boolean) {
    this.#address = device.address;
    this.#irqs = new Irqs(device);
    this.#kind = kind;
    this.#listener = listener;
    this.#isTaken = isTaken;
  }

  /** Whether it listens, or would if the program did not. */
  get started(): boolean {
    return this.#started && !this.#lost;
  }

  /** Whether the device has such events. @throws PciError `ERR_CLOSED` */
  get exists(): boolean {
    return this.#irqs.info(this.#kind).count > 0;
  }

  /**
   * Listens from now on, if there is something to hear; where the program has a set of its own, from when that is closed.
   * Harmless twice.
   *
   * @throws PciError what the backend says
   */
  start(): void {
    if (this.started || !this.exists) return;
    if (this.#isTaken()) this.#lost = false;
    else this.#connect();
    this.#started = true;
  }

  /**
   * Listens again, after a set of the program's own has taken the events over and was closed. Where that fails, a warning
   * says so, and {@link start} may be called again.
   */
  resume(): void {
    clearTimeout(this.#retry);
    if (!this.#started || this.#irqs.closed || this.#isTaken()) return;
    try {
      this.#connect();
    } catch (error) {
      if (isPciError(error, "ERR_RESETTING")) {
        this.#retry = setTimeout(() => this.resume(), RETRY_MS).unref();
      } else if (!isPciError(error) || !ended.includes(error.code)) {
        this.#lost = true;
        this.#warn(error);
      }
    }
  }

  /** Listens no more. Harmless twice. */
  close(): void {
    clearTimeout(this.#retry);
    this.#irqs.close();
  }

  #connect(): void {
    for (const set of this.#irqs.enabled()) set.close();
    const vector = this.#irqs.enable(this.#kind).at(0);
    vector.on(this.#listener);
    vector.ref(false);
    this.#lost = false;
  }

  #warn(error: unknown): void {
    process.emitWarning(
      `${this.#address}: the kernel's "${this.#kind}" events are no longer heard: ${String(error)}`,
      { code: "USERPCI_EVENTS", detail: `The next call of ${listens[this.#kind]} tries again.` },
    );
  }
}
