import { PciError } from "@userpci/interface";
import { Descriptor } from "./descriptor.ts";
import { systemError } from "./errno.ts";
import { IOMMU_NODE, openError } from "./explain.ts";
import { failedWith } from "./ioctl.ts";
import type { Native } from "./native.ts";
import * as uapi from "./uapi/iommufd.ts";

/** Name of a request in `iommufdRequest`. */
export type IommufdRequest = keyof typeof uapi.iommufdRequest;

/** Whose pinned pages count against `RLIMIT_MEMLOCK`: those of all processes of the user together, or of this one. */
export type MemlockAccounting = "user" | "process";

/**
 * An open `/dev/iommu`: the context in which the kernel keeps address spaces, page tables and devices
 * (`Documentation/userspace-api/iommufd.rst`). It closes with the last of its holders.
 */
export class Iommufd {
  /** @internal */
  readonly native: Native;
  /** Whose pinned pages count. */
  readonly accounting: MemlockAccounting;
  readonly #descriptor: Descriptor;
  readonly #onClose: () => void;
  #holders = 0;

  private constructor(native: Native, fd: number, accounting: MemlockAccounting, onClose: () => void) {
    this.native = native;
    this.accounting = accounting;
    this.#descriptor = new Descriptor(native, fd);
    this.#onClose = onClose;
  }

  /**
   * Opens `/dev/iommu`.
   *
   * @internal
   * @param onClose called once when it closes
   * @throws PciError `ERR_PERMISSION`, `ERR_NOT_SUPPORTED` on a kernel without IOMMUFD
   */
  static open(native: Native, accounting: MemlockAccounting, onClose: () => void): Iommufd {
    const fd = native.open(IOMMU_NODE, native.constants.O_RDWR);
    if (fd < 0) throw openError(fd, IOMMU_NODE);
    const iommufd = new Iommufd(native, fd, accounting, onClose);
    try {
      // Later than this, when objects exist, the kernel says EBUSY.
      if (accounting === "process") iommufd.#accountByProcess();
      return iommufd;
    } catch (error) {
      iommufd.#close();
      throw error;
    }
  }

  /**
   * An iommufd that another process opened.
   *
   * @internal
   * @param fd its own from now on, and closed if this throws
   */
  static adopt(native: Native, fd: number): Iommufd {
    const iommufd = (accounting: MemlockAccounting) => new Iommufd(native, fd, accounting, () => undefined);
    const found = iommufd("user");
    try {
      return found.getOption("RLIMIT_MODE") === 0n ? found : iommufd("process");
    } catch (error) {
      found.#close();
      throw error;
    }
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  get closed(): boolean {
    return this.#descriptor.closed;
  }

  /** Counts what must be gone before it closes. */
  hold(): void {
    this.#holders += 1;
  }

  /** Ends what {@link hold} began. The last one closes it. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#close();
  }

  /** One request. Returns the result, or negative errno. */
  attempt(name: IommufdRequest, argument: Uint8Array | number): number {
    return this.native.ioctl(this.fd, uapi.iommufdRequest[name], argument);
  }

  /** {@link attempt} on another thread. */
  attemptAsync(name: IommufdRequest, argument: Uint8Array): Promise<number> {
    return this.#descriptor.use(() => this.native.ioctlAsync(this.fd, uapi.iommufdRequest[name], argument));
  }

  /** One request that must succeed. @throws PciError with the system's code */
  request(name: IommufdRequest, argument: Uint8Array | number): void {
    const result = this.attempt(name, argument);
    if (result < 0) throw systemError(result, `ioctl IOMMU_${name}`);
  }

  /**
   * A request that this class has no name for.
   *
   * @param number the command's, such as 0x81 of `IOMMU_IOAS_ALLOC`
   * @param structure read and filled in place; addresses in it are the caller's to keep alive
   * @throws PciError with the system's code, `ERR_CLOSED`
   */
  rawRequest(number: number, structure: Uint8Array): void {
    if (this.closed) {
      throw new PciError("ERR_CLOSED", "the iommufd is closed, with the last device and domain in it", {
        hint: "send the request while a device of the backend is open",
      });
    }
    const result = this.native.ioctl(this.fd, uapi.requestOf(number), structure);
    if (result < 0) throw systemError(result, `ioctl ';' 0x${number.toString(16)}`);
  }

  /** Whether the kernel has a request: it says ENOTTY for one it does not know, and EINVAL for a structure of no size. */
  knows(name: IommufdRequest): boolean {
    return !failedWith(this.attempt(name, new Uint8Array(4)), "ENOTTY");
  }

  /** Makes an address space. Returns its id. */
  allocIoas(): number {
    const bytes = uapi.ioasAlloc.pack({ size: uapi.ioasAlloc.size });
    this.request("IOAS_ALLOC", bytes);
    return uapi.ioasAlloc.read(bytes).out_ioas_id;
  }

  /** Destroys an object. @throws PciError `EBUSY` while another one uses it */
  destroy(id: number): void {
    this.request("DESTROY", uapi.destroy.pack({ size: uapi.destroy.size, id }));
  }

  /** Sets an option of an object, or of all for id 0. */
  setOption(option: keyof typeof uapi.iommufdOption, value: bigint, id = 0): void {
    this.request("OPTION", this.#option(option, uapi.optionOperation.SET, id, value));
  }

  /** Reads what {@link setOption} sets. */
  getOption(option: keyof typeof uapi.iommufdOption, id = 0): bigint {
    const bytes = this.#option(option, uapi.optionOperation.GET, id, 0n);
    this.request("OPTION", bytes);
    return uapi.option.read(bytes).val64;
  }

  #option(name: keyof typeof uapi.iommufdOption, op: number, id: number, val64: bigint): Uint8Array {
    const option_id = uapi.iommufdOption[name];
    return uapi.option.pack({ size: uapi.option.size, option_id, op, object_id: id, val64 });
  }

  #accountByProcess(): void {
    const bytes = this.#option("RLIMIT_MODE", uapi.optionOperation.SET, 0, 1n);
    const result = this.attempt("OPTION", bytes);
    if (result >= 0) return;
    throw systemError(result, "ioctl IOMMU_OPTION", {
      ...(result === -1 /* EPERM */ && { code: "ERR_PERMISSION" }),
      message: "pinned pages cannot be counted by process",
      hint: "that takes CAP_SYS_RESOURCE; leave { accounting } out to have them counted by user",
    });
  }

  #close(): void {
    this.#descriptor.close();
    this.#onClose();
  }
}

/** The error for an address space whose iommufd is closed. */
export function ioasClosed(): PciError {
  return new PciError("ERR_CLOSED", "the I/O address space is closed, with its backend or domain", {
    hint: "open the device again, into a new domain",
  });
}
