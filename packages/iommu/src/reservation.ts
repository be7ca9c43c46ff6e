import type { Iova, IovaRange, IovaReservation } from "@userpci/interface";

/** Addresses that a domain keeps free. */
export class Reservation implements IovaReservation {
  readonly size: number;
  readonly label: string | undefined;
  readonly owner: string | undefined;
  readonly #free: (reservation: Reservation) => void;
  #iova = 0n as Iova;
  #closed = false;

  /** Whether another process may have mapped something there. */
  shared = false;

  /** @param free called when it is closed, which fails if it throws */
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

  close(): void {
    if (this.#closed) return;
    this.#free(this);
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
