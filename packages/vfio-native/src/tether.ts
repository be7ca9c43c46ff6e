import { fstatSync } from "node:fs";
import { systemError } from "./errno.ts";
import type { Native } from "./native.ts";

/** The other end of a tether, on its way to another thread. */
export interface TetherOffer {
  /** A descriptor of the offering thread. */
  readonly socket: number;
  /** Inode number of the socket: tells whether the descriptor is still that, or its number another file's. */
  readonly inode: bigint;
}

/**
 * Ties threads: a socket pair, of which the offering thread has one end and the others duplicates of the other. When it
 * closes its end, which the end of a thread does as well, the others' hang up; its own does when all others are closed.
 */
export class Tether {
  readonly offer: TetherOffer;
  readonly #native: Native;
  readonly #own: Int32Array;
  #closed = false;
  #passedOn = false;

  /** @throws PciError with the system's code if no descriptors are left */
  constructor(native: Native) {
    const pair = native.socketpair(native.constants.SOCK_STREAM);
    if (typeof pair === "number") throw systemError(pair, "socketpair");
    this.#native = native;
    this.#own = Int32Array.of(pair[0]);
    this.offer = { socket: pair[1], inode: fstatSync(pair[1], { bigint: true }).ino };
  }

  /** Closes the end that others have duplicates of, so that it hangs up with those. Nobody else can take hold of it then. */
  passOn(): void {
    if (this.#passedOn) return;
    this.#passedOn = true;
    this.#native.close(this.offer.socket);
  }

  /** Whether nobody has the other end. */
  get loose(): boolean {
    return this.#native.poll(this.#own, 0) !== 0;
  }

  /** Ends it for all. Must come before the close of what it is about; harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close(this.#own[0]!);
    this.passOn();
  }
}

/** The end of a tether that another thread has. */
export class TetherEnd {
  /** Readable once the tether has ended; negative if there was none. */
  readonly socket: number;
  readonly #native: Native;
  readonly #inode: bigint;
  readonly #sockets: Int32Array;
  #watch = 0;
  #closed = false;

  constructor(native: Native, { socket, inode }: TetherOffer) {
    this.#native = native;
    this.#inode = inode;
    this.socket = native.dup(socket);
    this.#sockets = Int32Array.of(this.socket);
  }

  /**
   * Whether it is what was offered, and holds. A number may be another file's by now; the socket's inode is its own. While
   * the tether holds, what it is about is open too: the offering thread closes the tether first.
   */
  get holds(): boolean {
    return this.socket >= 0 && fstatSync(this.socket, { bigint: true }).ino === this.#inode && !this.ended;
  }

  /** Whether the offering thread has closed its end, or has ended. */
  get ended(): boolean {
    return this.#native.poll(this.#sockets, 0) !== 0;
  }

  /**
   * Calls `ended` once on the event loop, when the tether has ended; does not keep the thread alive.
   *
   * @throws PciError with the system's code
   */
  watch(ended: () => void): void {
    const watch = this.#native.watch(this.socket, 1, () => {
      // A socket that has hung up stays readable: each turn of the loop would come here.
      this.#unwatch();
      ended();
    });
    if (watch < 0) throw systemError(watch, "uv_poll_start");
    this.#watch = watch;
    this.#native.watchRef(this.#watch, false);
  }

  /** Lets go of it. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch();
    if (this.socket >= 0) this.#native.close(this.socket);
  }

  #unwatch(): void {
    if (this.#watch > 0) this.#native.unwatch(this.#watch);
    this.#watch = 0;
  }
}
