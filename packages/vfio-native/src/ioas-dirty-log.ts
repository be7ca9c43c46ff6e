import type { DirtyLog, Iova } from "@userpci/interface";
import type { Ioas } from "./ioas.ts";

/** The pages that devices of an address space wrote, as their IOMMUs note them in the page tables made for that. */
export class IoasDirtyLog implements DirtyLog {
  readonly pageSize = 4096;
  readonly exact = true;
  readonly #ioas: Ioas;

  constructor(ioas: Ioas) {
    this.#ioas = ioas;
  }

  start(): void {
    this.#ioas.setDirtyTracking(true);
  }

  stop(): void {
    this.#ioas.setDirtyTracking(false);
  }

  take(iova: Iova, size: number): Uint8Array {
    return this.#ioas.readDirty({ start: iova, last: iova + BigInt(size) - 1n }, { pageSize: this.pageSize });
  }
}
