import {
  checkInteger,
  checkType,
  type Iova,
  type IovaRange,
  type IovaReservation,
  type ReserveOptions,
} from "@userpci/interface";
import { UNIT } from "./pages.ts";
import type { Shape } from "./placement.ts";
import { wishOf } from "./request.ts";

/** A reservation that was asked for, checked; its address is not chosen yet. */
export interface ReservationPlan extends Shape {
  readonly label: string | undefined;
  readonly owner: string | undefined;
}

/**
 * Checks what was asked of `IommuDomain.reserve`, each option looked at once.
 *
 * @param pageSize smallest page of the domain, in bytes
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
 */
export function planReservation(size: number, options: ReserveOptions, pageSize: number): ReservationPlan {
  checkType("options", options, "object");
  const { label, owner } = options;
  if (label !== undefined) checkType("label", label, "string");
  if (owner !== undefined) checkType("owner", owner, "string");
  const rounded = Math.ceil(checkInteger("size", size, 1, 2 ** 52) / pageSize) * pageSize;
  return { size: rounded, offset: 0, memory: { pageSize: UNIT }, label, owner, ...wishOf(options) };
}

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
  constructor({ size, label, owner }: ReservationPlan, free: (it: Reservation) => void) {
    this.size = size;
    this.label = label;
    this.owner = owner;
    this.#free = free;
  }

  /** Whether a value is one, and not only looks like it. */
  static is(value: unknown): value is Reservation {
    return typeof value === "object" && value !== null && #closed in value;
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
