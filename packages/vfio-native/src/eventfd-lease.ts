import { PciError } from "@userpci/interface";
import type { Native } from "./native.ts";
import { Tether, TetherEnd, type TetherOffer } from "./tether.ts";

/** Values of the word that both threads see. The first to replace `OFFERED` decides. */
const OFFERED = 0;
const ADOPTED = 1;
const WITHDRAWN = 2;

/** One end of a lease, on its way to another thread. */
export interface LeaseOffer extends TetherOffer {
  /** One of the values above. */
  readonly state: SharedArrayBuffer;
}

/** The offering thread's side of a lease: a tether that one thread may take hold of. */
export class OfferedLease {
  readonly offer: LeaseOffer;
  readonly #tether: Tether;
  readonly #state: Int32Array;
  #closed = false;

  /** @throws PciError with the system's code if no descriptors are left */
  constructor(native: Native) {
    this.#tether = new Tether(native);
    const state = new SharedArrayBuffer(4);
    this.#state = new Int32Array(state);
    this.offer = { ...this.#tether.offer, state };
  }

  /** Whether another thread has it, or may still adopt it. */
  get active(): boolean {
    if (this.#closed || Atomics.load(this.#state, 0) === OFFERED) return !this.#closed;
    this.#tether.passOn();
    if (!this.#tether.loose) return true;
    this.close();
    return false;
  }

  /** Takes back what nobody has adopted. @returns whether it is the offering thread's again */
  withdraw(): boolean {
    const isOffered = Atomics.compareExchange(this.#state, 0, OFFERED, WITHDRAWN) === OFFERED;
    if (isOffered) this.close();
    return isOffered || !this.active;
  }

  /** Ends it for both. Must come before the close of what it is about; harmless twice. */
  close(): void {
    this.#closed = true;
    this.#tether.close();
  }
}

/** The adopting thread's side of a lease, with the descriptor that it is about. */
export class AdoptedLease {
  /** A duplicate of the descriptor that was offered. */
  readonly fd: number;
  readonly #native: Native;
  readonly #tether: TetherEnd;
  #closed = false;

  /**
   * @param fd descriptor of the offering thread
   * @throws PciError `ERR_CLOSED` if the offer is void, `ERR_IRQ_BUSY` if another thread has adopted it
   */
  constructor(native: Native, fd: number, offer: LeaseOffer) {
    this.#native = native;
    this.#tether = new TetherEnd(native, offer);
    this.fd = this.socket < 0 ? -1 : native.dup(fd);
    try {
      this.#claim(offer);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The other end of the lease: readable once the lease has ended. */
  get socket(): number {
    return this.#tether.socket;
  }

  /** Whether the offering thread has closed its side, or has ended. */
  get ended(): boolean {
    return this.#tether.ended;
  }

  /** Calls `ended` once on the event loop, when the lease has ended; does not keep the thread alive. */
  watch(ended: () => void): void {
    try {
      this.#tether.watch(ended);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Gives it back. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.fd >= 0) this.#native.close(this.fd);
    this.#tether.close();
  }

  #claim({ state }: LeaseOffer): void {
    const isGenuine = this.#tether.holds;
    const found = isGenuine && this.fd >= 0 ? exchange(state) : Atomics.load(new Int32Array(state), 0);
    if (found === ADOPTED) {
      throw new PciError("ERR_IRQ_BUSY", "another thread has adopted this interrupt target", {
        hint: "one reader at a time: call share() again once that thread has closed it",
      });
    }
    if (isGenuine && found === OFFERED && this.fd >= 0) return;
    throw new PciError("ERR_CLOSED", "the interrupt target was closed, or its offer withdrawn", {
      hint: "adopt it while it is open in the thread that called share(), and call share() again for another",
    });
  }
}

function exchange(state: SharedArrayBuffer): number {
  return Atomics.compareExchange(new Int32Array(state), 0, OFFERED, ADOPTED);
}
