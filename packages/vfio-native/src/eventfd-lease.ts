import { fstatSync } from "node:fs";
import { PciError } from "@userpci/interface";
import { systemError } from "./errno.ts";
import type { Native } from "./native.ts";

/** Values of the word that both threads see. The first to replace `OFFERED` decides. */
const OFFERED = 0;
const ADOPTED = 1;
const WITHDRAWN = 2;

/** One end of a lease, on its way to another thread. */
export interface LeaseOffer {
  /** A descriptor of the offering thread. */
  readonly socket: number;
  /** Inode number of the socket: tells whether the descriptor is still that, or its number another file's. */
  readonly inode: bigint;
  /** One of the values above. */
  readonly state: SharedArrayBuffer;
}

/**
 * The offering thread's side of a lease. A socket pair ties both threads: when one closes its end, which the end of a thread
 * does as well, the other's hangs up.
 */
export class OfferedLease {
  readonly offer: LeaseOffer;
  readonly #native: Native;
  readonly #state: Int32Array;
  readonly #own: Int32Array;
  #closed = false;
  #passedOn = false;

  /** @throws PciError with the system's code if no descriptors are left */
  constructor(native: Native) {
    const pair = native.socketpair(native.constants.SOCK_STREAM);
    if (typeof pair === "number") throw systemError(pair, "socketpair");
    this.#native = native;
    this.#own = Int32Array.of(pair[0]);
    const state = new SharedArrayBuffer(4);
    this.#state = new Int32Array(state);
    this.offer = { socket: pair[1], inode: fstatSync(pair[1], { bigint: true }).ino, state };
  }

  /** Whether another thread has it, or may still adopt it. */
  get active(): boolean {
    if (this.#closed || Atomics.load(this.#state, 0) === OFFERED) return !this.#closed;
    this.#passOn();
    if (this.#native.poll(this.#own, 0) === 0) return true;
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
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close(this.#own[0]!);
    this.#passOn();
  }

  /** Closes the end that the other thread has a duplicate of, so that it hangs up with that. */
  #passOn(): void {
    if (this.#passedOn) return;
    this.#passedOn = true;
    this.#native.close(this.offer.socket);
  }
}

/** The adopting thread's side of a lease, with the descriptor that it is about. */
export class AdoptedLease {
  /** A duplicate of the descriptor that was offered. */
  readonly fd: number;
  /** The other end of the lease: readable once the lease has ended. */
  readonly socket: number;
  readonly #native: Native;
  readonly #sockets: Int32Array;
  #watch = 0;

  /**
   * @param fd descriptor of the offering thread
   * @throws PciError `ERR_CLOSED` if the offer is void, `ERR_IRQ_BUSY` if another thread has adopted it
   */
  constructor(native: Native, fd: number, offer: LeaseOffer) {
    this.#native = native;
    this.socket = native.dup(offer.socket);
    this.#sockets = Int32Array.of(this.socket);
    this.fd = this.socket < 0 ? -1 : native.dup(fd);
    try {
      this.#claim(offer);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Whether the offering thread has closed its side, or has ended. */
  get ended(): boolean {
    return this.#native.poll(this.#sockets, 0) !== 0;
  }

  /** Calls `ended` on the event loop when the lease has ended; does not keep the thread alive. */
  watch(ended: () => void): void {
    const watch = this.#native.watch(this.socket, 1, ended);
    if (watch < 0) {
      this.close();
      throw systemError(watch, "uv_poll_start");
    }
    this.#watch = watch;
    this.#native.watchRef(this.#watch, false);
  }

  /** Gives it back. */
  close(): void {
    if (this.#watch > 0) this.#native.unwatch(this.#watch);
    this.#watch = 0;
    for (const fd of [this.fd, this.socket]) if (fd >= 0) this.#native.close(fd);
  }

  #claim({ inode, state }: LeaseOffer): void {
    // A number may be another file's by now. The socket's inode is its own, and while the lease has not ended the other
    // descriptor is open too: the offering thread closes the lease first.
    const isGenuine =
      this.socket >= 0 && fstatSync(this.socket, { bigint: true }).ino === inode && !this.ended;
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
