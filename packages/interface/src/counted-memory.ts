import { PciError } from "./errors.ts";
import type { DmaMemory } from "./memory.ts";

/** Memory that is not closed under a mapping (row R14): counts its users. */
export abstract class CountedMemory implements DmaMemory {
  /** See `DmaMemory`. */
  abstract readonly size: number;
  /** See `DmaMemory`. */
  abstract readonly pageSize: number;
  /** See `DmaMemory`. */
  abstract readonly buffer: ArrayBuffer;
  /** What it is, for messages. */
  readonly #what: string;
  #users = 0;
  #closed = false;

  /** @param what it is, for messages: `the DMA memory` */
  constructor(what: string) {
    this.#what = what;
  }

  /** Gives back what is behind it; called until it has succeeded once. */
  protected abstract free(): void;

  /** See `DmaMemory`. */
  get closed(): boolean {
    return this.#closed;
  }

  /** See `DmaMemory`. */
  retain(): void {
    this.assertOpen();
    this.#users += 1;
  }

  /** See `DmaMemory`. */
  release(): void {
    if (this.#users === 0) {
      throw new PciError("ERR_INVALID_ARGUMENT", `${this.#what} is released more often than retained`, {
        hint: "call release() once for each call of retain()",
      });
    }
    this.#users -= 1;
  }

  /** See `DmaMemory`. */
  close(): void {
    if (this.#closed) return;
    if (this.#users > 0) {
      const times = this.#users === 1 ? "once" : `${this.#users} times`;
      throw new PciError("ERR_BUSY", `${this.size} bytes of ${this.#what} are still mapped ${times}`, {
        hint: "unmap them first: a device may still reach them",
      });
    }
    this.free();
    this.#closed = true;
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** @throws PciError `ERR_CLOSED` */
  protected assertOpen(): void {
    if (!this.#closed) return;
    throw new PciError("ERR_CLOSED", `${this.#what} is closed`, { hint: "make it again" });
  }
}
