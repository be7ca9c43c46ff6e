import type { Native } from "./native.ts";

/**
 * A descriptor that calls on other threads use. It stays open until the last of them has ended: a call may still wait for
 * its thread when it is closed here, and by the time it begins the number would be another file's.
 */
export class Descriptor {
  readonly fd: number;
  readonly #native: Native;
  #users = 0;
  #closed = false;
  #idle: () => void = () => undefined;

  constructor(native: Native, fd: number) {
    this.#native = native;
    this.fd = fd;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Keeps the descriptor open until `work` has settled. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work();
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#idle();
    }
  }

  /**
   * Closes on this thread, or as soon as nothing uses it. Harmless twice.
   *
   * @param before what must happen just before, when nothing uses the descriptor any more
   */
  close(before: () => void = () => undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#users === 0) {
      before();
      this.#native.close(this.fd);
      return;
    }
    this.#idle = () => {
      before();
      void this.#native.closeAsync(this.fd);
    };
  }

  /** Closes on another thread, as soon as nothing uses it. Resolves when it is closed; harmless twice. */
  async closeAsync(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#users > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await this.#native.closeAsync(this.fd);
  }
}
