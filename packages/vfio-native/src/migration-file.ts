import { PciError } from "@userpci/interface";
import { adoptFd } from "./adopt-fd.ts";
import type { Native } from "./native.ts";

/** What a device's state is read or written by, while it is saved or loaded. Who began that owns it. */
export class MigrationFile implements Disposable {
  readonly #native: Native;
  #fd: number;

  /** @internal @param fd as the kernel gave it; its own from now on */
  constructor(native: Native, fd: number) {
    this.#native = native;
    this.#fd = adoptFd(native, fd);
  }

  /**
   * Its descriptor, for `node:fs`: to be closed by {@link close} alone, so a stream on it takes `{ autoClose: false }`.
   *
   * @throws PciError `ERR_CLOSED`
   */
  get fd(): number {
    if (!this.closed) return this.#fd;
    throw new PciError("ERR_CLOSED", "the file of the migration is closed", {
      hint: "ask for another with migration.go(state)",
    });
  }

  get closed(): boolean {
    return this.#fd < 0;
  }

  /** Closes it. Harmless twice. */
  close(): void {
    if (this.closed) return;
    this.#native.close(this.#fd);
    this.#fd = -1;
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
