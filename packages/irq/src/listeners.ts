import { throwLater } from "./throw-later.ts";
import type { Subscription } from "./vector.ts";

/** The listeners of a vector. */
export class Listeners {
  // Replaced, never changed: a delivery goes on with those it began with.
  #all: readonly { readonly call: (count: number) => void }[] = [];

  get size(): number {
    return this.#all.length;
  }

  /**
   * @param changed called after the subscription has ended
   */
  add(listener: (count: number) => void, changed: () => void): Subscription {
    const entry = { call: listener };
    this.#all = [...this.#all, entry];
    const close = (): void => {
      if (!this.#all.includes(entry)) return;
      this.#all = this.#all.filter((each) => each !== entry);
      changed();
    };
    return { close, [Symbol.dispose]: close };
  }

  clear(): void {
    this.#all = [];
  }

  /** Calls each; what they throw becomes an uncaught exception of its own, after this has returned. */
  emit(count: number): void {
    for (const entry of this.#all) {
      // One that was called before it may have ended this one, or closed the vector.
      if (!this.#all.includes(entry)) continue;
      try {
        entry.call(count);
      } catch (error) {
        throwLater(error);
      }
    }
  }
}
