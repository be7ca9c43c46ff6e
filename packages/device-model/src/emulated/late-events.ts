import { later } from "./turn.ts";

interface LateEvent {
  readonly due: number;
  readonly deliver: () => void;
}

/** Events that a fault holds back, by the device's time: they arrive when it has come, or when nobody calls any more. */
export class LateEvents {
  #now = 0;
  #events: LateEvent[] = [];
  #scheduled = false;

  get pending(): boolean {
    return this.#events.length > 0;
  }

  /** Has `deliver` called in so many microseconds. */
  add(us: number, deliver: () => void): void {
    this.#events.push({ due: this.#now + us, deliver });
    if (this.#scheduled) return;
    this.#scheduled = true;
    later(() => {
      this.#scheduled = false;
      this.#deliver(Infinity);
    });
  }

  /** Lets a microsecond pass. @returns whether something arrived */
  tick(): boolean {
    this.#now += 1;
    return this.#events.length > 0 && this.#deliver(this.#now);
  }

  /** Forgets what was held back. */
  clear(): void {
    this.#events = [];
  }

  #deliver(until: number): boolean {
    const due = this.#events.filter((each) => each.due <= until).sort((a, b) => a.due - b.due);
    this.#events = this.#events.filter((each) => each.due > until);
    for (const { deliver } of due) deliver();
    return due.length > 0;
  }
}
