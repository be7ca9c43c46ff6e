import type { Iova, IovaRange, IovaReservation } from "@userpci/interface";

/** Addresses that a domain keeps free. */
export class Reservation implements IovaReservation {
  readonly size: number;
  readonly label: string | undefined;
  readonly owner: string | undefined;
  readonly #free: (reservation: Reservation) => void;
  #iova = 0n as Iova;
  #holders = 0;
  #closed = false;

  /** Whether another process may have mapped something there. */
  shared = false;

  /** @param free called when it is closed, which fails if it throws, and again when it is {@link held} no more after that */
  constructor(size: number, names: { label?: string; owner?: string }, free: (it: Reservation) => void) {
    this.size = size;
    this.label = names.label;
    this.owner = names.owner;
    this.#free = free;
  }

  get iova(): Iova {
    return this.#iova;
  }

  get range(): IovaRange {
    return { start: this.#iova, last: this.#iova + BigInt(this.size) - 1n };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sets the address that was chosen; once, before anything else. */
  place(iova: Iova): void {
    this.#iova = iova;
  }

  /** Whether another process may still map and unmap there. */
  get held(): boolean {
    return this.#holders > 0;
  }

  /** Counts a process that may map and unmap there. @returns to be called when it has gone; harmless twice */
  hold(): () => void {
    let isHeld = true;
    this.#holders += 1;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holders -= 1;
      if (!this.#closed || this.held) return;
      try {
        this.#free(this);
      } catch {
        // An IOMMU that does not let go keeps the addresses; nobody is left who could be told.
      }
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#free(this);
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
