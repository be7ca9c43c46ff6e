import type { IrqDevice, Subscription } from "@userpci/irq";
import { type EventKind, KernelEvent, listens } from "./kernel-event.ts";
import { Subscribers } from "./subscribers.ts";

/** Tells the program's listeners of the kernel's events of one kind, which a set of the program's own takes over. */
export abstract class EventWatch<Event, Answer = void> {
  protected readonly listeners: Subscribers<Event, Answer>;
  readonly #event: KernelEvent;

  /**
   * @param source tells of such events, if it has any
   * @param isTaken whether the program has a set of the kind; {@link resume} is to be called when that is closed
   */
  constructor(kind: EventKind, source: IrqDevice, isTaken: () => boolean) {
    this.listeners = new Subscribers(listens[kind]);
    this.#event = new KernelEvent(source, kind, (count) => this.heard(count), isTaken);
  }

  /**
   * Tells `listener` from now on, or from when the program's own set is closed.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_CLOSED`, what the backend says of its interrupts; it is not told then
   */
  on(listener: (event: Event) => Answer): Subscription {
    const subscription = this.listeners.add(listener);
    try {
      this.start();
    } catch (error) {
      subscription.close();
      throw error;
    }
    return subscription;
  }

  /** See {@link KernelEvent.resume}. */
  resume(): void {
    this.#event.resume();
  }

  /** Listens no more. Harmless twice. */
  close(): void {
    this.#event.close();
  }

  /** See {@link KernelEvent.start}. */
  protected start(): void {
    if (this.#event.started || !this.#event.exists) return;
    this.starting();
    this.#event.start();
  }

  /** Called before it begins to listen. */
  protected starting(): void {}

  /** Called with the number of events that came. */
  protected abstract heard(count: number): void;
}
