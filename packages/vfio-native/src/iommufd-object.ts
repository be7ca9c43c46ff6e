import { isPciError, PciError } from "@userpci/interface";
import { systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import type { Iommufd } from "./iommufd.ts";
import * as uapi from "./uapi/iommufd.ts";

/** What to say of an object that cannot be destroyed. */
export interface InUse {
  readonly message: string;
  readonly hint: string;
}

/** @throws PciError `ERR_INVALID_ARGUMENT` for what is in another iommufd: its number is something else's here, or nothing's */
export function checkPlace(name: string, { iommufd }: { readonly iommufd: Iommufd }, here: Iommufd): void {
  if (iommufd === here) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `${name} is not in the same iommufd`, {
    hint: "make it with the same vfioCdev() backend",
  });
}

/** A page table or another object in an iommufd, by its number. Until it is destroyed it keeps the iommufd open. */
export class IommufdObject {
  readonly id: number;
  readonly iommufd: Iommufd;
  readonly #onGone: () => void;
  #gone = false;

  /** @param onGone called once when it is destroyed or left to the kernel */
  constructor(iommufd: Iommufd, id: number, onGone: () => void) {
    this.iommufd = iommufd;
    this.id = id;
    this.#onGone = onGone;
    iommufd.hold();
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Destroys it. Harmless twice. @throws PciError `ERR_BUSY` while something uses it: it then stays, to be tried again */
  destroy(inUse: InUse): void {
    if (this.#gone) return;
    const { size } = uapi.destroy;
    const result = this.iommufd.attempt("DESTROY", uapi.destroy.pack({ size, id: this.id }));
    if (result < 0) {
      throw systemError(result, "ioctl IOMMU_DESTROY", {
        message: inUse.message,
        ...(failedWith(result, "EBUSY") && { code: "ERR_BUSY", hint: inUse.hint }),
      });
    }
    this.#forget();
  }

  /**
   * {@link destroy} at the end of its owner. What is in use even then, by a device whose descriptor a child process still
   * has, the kernel destroys with the iommufd.
   */
  leave(inUse: InUse): void {
    try {
      this.destroy(inUse);
    } catch (error) {
      this.#forget();
      if (!isPciError(error, "ERR_BUSY")) throw error;
    }
  }

  #forget(): void {
    this.#gone = true;
    this.#onGone();
    this.iommufd.release();
  }
}
