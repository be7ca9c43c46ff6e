import { PciError } from "@userpci/interface";
import type { Native } from "./native.ts";
import { Users } from "./users.ts";

/**
 * A descriptor that calls on other threads use. It stays open until the last of them has ended: a call may still wait for
 * its thread when it is closed here, and by the time it begins the number would be another file's.
 */
export class Descriptor {
  readonly fd: number;
  readonly #native: Native;
  readonly #users = new Users();
  #closed = false;

  constructor(native: Native, fd: number) {
    this.#native = native;
    this.fd = fd;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Keeps the descriptor open until `work` has settled. @throws PciError (rejects with) `ERR_CLOSED`; `work` is not called then */
  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) {
      throw new PciError("ERR_CLOSED", "what the call would use is closed", {
        hint: "await calls before close(), and begin none after it",
      });
    }
    return this.#users.during(work);
  }

  /**
   * Closes on this thread, or as soon as nothing uses it. Harmless twice.
   *
   * @param before what must happen just before, when nothing uses the descriptor any more
   */
  close(before: () => void = () => undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    const idle = this.#users.none;
    this.#users.whenNone(() => {
      before();
      if (idle) this.#native.close(this.fd);
      else void this.#native.closeAsync(this.fd);
    });
  }

  /** Closes on another thread, as soon as nothing uses it. Resolves when it is closed; harmless twice. */
  async closeAsync(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await new Promise<void>((resolve) => this.#users.whenNone(resolve));
    await this.#native.closeAsync(this.fd);
  }
}
