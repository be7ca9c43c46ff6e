import { formatValue, PciError } from "@userpci/interface";
import { type Subscription, throwLater } from "@userpci/irq";

/** The listeners of one kind of event, which may answer it. */
export class Subscribers<Event, Answer = void> {
  readonly #hint: string;
  readonly #all = new Set<{ readonly call: (event: Event) => Answer }>();

  /** @param hint how to pass a listener, for who passes something else */
  constructor(hint: string) {
    this.#hint = hint;
  }

  get size(): number {
    return this.#all.size;
  }

  /** @throws PciError `ERR_INVALID_ARGUMENT` for what is no function */
  add(listener: (event: Event) => Answer): Subscription {
    if (typeof listener !== "function") {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `a listener must be a function, not ${formatValue(listener)}`,
        {
          hint: this.#hint,
        },
      );
    }
    const entry = { call: listener };
    this.#all.add(entry);
    const close = (): void => void this.#all.delete(entry);
    return { close, [Symbol.dispose]: close };
  }

  /**
   * Calls each of them.
   *
   * @returns what they gave. What one throws becomes an uncaught exception of its own, after the others were called.
   */
  emit(event: Event): Answer[] {
    return [...this.#all].flatMap(({ call }) => {
      try {
        return [call(event)];
      } catch (error) {
        throwLater(error);
        return [];
      }
    });
  }
}
