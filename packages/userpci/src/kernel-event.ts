import { isPciError } from "@userpci/interface";
import { type IrqDevice, Irqs } from "@userpci/irq";

/** Milliseconds until it is tried again to listen to a device that was being reset. */
const RETRY_MS = 100;

/** Codes of a device that has no events any more. */
const ended = ["ERR_CLOSED", "ERR_DEVICE_GONE", "ENODEV"];

/** What the program calls to hear of events of a kind. */
const listens = { err: "device.onError(listener)", req: "device.onRelease(listener)" } as const;

/** A kind that the kernel itself has something to say by. */
type EventKind = keyof typeof listens;

/** Listens to the kernel's events of one kind (`err` or `req`) without keeping the process alive. */
export class KernelEvent {
  readonly #address: string;
  readonly #irqs: Irqs;
  readonly #kind: EventKind;
  readonly #listener: (count: number) => void;
  #started = false;
  /** Whether the events could not be had again. */
  #lost = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(device: IrqDevice, kind: EventKind, listener: (count: number) => void) {
    this.#address = device.address;
    this.#irqs = new Irqs(device);
    this.#kind = kind;
    this.#listener = listener;
  }

  /** Whether it listens, or would if the program did not. */
  get started(): boolean {
    return this.#started && !this.#lost;
  }

  /** Whether the device has such events. @throws PciError `ERR_CLOSED` */
  get exists(): boolean {
    return this.#irqs.info(this.#kind).count > 0;
  }

  /** Listens from now on, if there is something to hear. Harmless twice. @throws PciError what the backend says */
  start(): void {
    if (this.started || !this.exists) return;
    this.#connect();
    this.#started = true;
  }

  /**
   * Listens again, after a set of the program's own has taken the events over and was closed. Where that fails, a warning
   * says so, and {@link start} may be called again.
   *
   * @param isTaken whether the program has such a set by now
   */
  resume(isTaken: () => boolean): void {
    clearTimeout(this.#retry);
    if (!this.#started || this.#irqs.closed || isTaken()) return;
    try {
      this.#connect();
    } catch (error) {
      if (isPciError(error, "ERR_RESETTING")) {
        this.#retry = setTimeout(() => this.resume(isTaken), RETRY_MS).unref();
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
