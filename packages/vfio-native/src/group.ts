import type { PciError } from "@userpci/interface";
import type { Container } from "./container.ts";
import { Descriptor } from "./descriptor.ts";
import { errnoName, systemError } from "./errno.ts";
import { openError } from "./explain.ts";
import { check, failedWith } from "./ioctl.ts";
import { notViableError } from "./lookup.ts";
import type { Native } from "./native.ts";
import * as uapi from "./uapi/vfio.ts";
import { tokenMismatch, unwantedToken } from "./vf-token.ts";

/** An open IOMMU group: `/dev/vfio/N` in a container. The kernel opens a group once. */
export class Group {
  readonly number: number;
  readonly container: Container;
  readonly #native: Native;
  readonly #descriptor: Descriptor;
  readonly #onClose: (group: Group) => void;
  #opening = 0;
  #used = false;

  private constructor(
    native: Native,
    number: number,
    fd: number,
    container: Container,
    onClose: (group: Group) => void,
  ) {
    this.#native = native;
    this.number = number;
    this.#descriptor = new Descriptor(native, fd);
    this.container = container;
    this.#onClose = onClose;
  }

  /** The descriptor, as proof of owning the group. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /**
   * Opens a group and puts it into a container.
   *
   * @param address of the function that it is opened for, for messages
   * @param onClose called once when the group closes
   * @throws PciError `EBUSY`, which may pass; `ERR_PERMISSION`, `ERR_GROUP_NOT_VIABLE`, `ERR_NO_IOMMU`
   */
  static open(
    native: Native,
    number: number,
    address: string,
    container: Container,
    onClose: (group: Group) => void,
  ): Group {
    const path = `/dev/vfio/${number}`;
    const fd = native.open(path, native.constants.O_RDWR);
    if (fd < 0) throw openError(fd, path, address);
    try {
      const status = uapi.groupStatus.pack({ argsz: uapi.groupStatus.size });
      check(native, fd, "GROUP_GET_STATUS", status);
      if ((uapi.groupStatus.read(status).flags & uapi.groupFlag.VIABLE) === 0) throw notViableError(number);
      const group = new Group(native, number, fd, container, onClose);
      container.add(group);
      return group;
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  /**
   * Whether the kernel has taken it apart, because its last device was removed or given to another driver
   * (`vfio_device_remove_group`). A group of this number is then another one.
   */
  get gone(): boolean {
    const status = uapi.groupStatus.pack({ argsz: uapi.groupStatus.size });
    return failedWith(this.#native.ioctl(this.fd, uapi.request.GROUP_GET_STATUS, status), "ENODEV");
  }

  /**
   * Opens a device of the group, which resets it if it was not open. Off this thread: that may take 100 ms.
   *
   * @param vfToken UUID shared with the physical function's driver, for a virtual function
   * @returns the device descriptor
   * @throws PciError `ERR_PERMISSION` for a missing or wrong token, `ERR_WRONG_DRIVER`, `ERR_DEVICE_BUSY`
   */
  async openDevice(address: string, vfToken?: string): Promise<number> {
    const name = deviceName(address, vfToken);
    const fd = await this.#descriptor.use(() =>
      this.#native.ioctlAsync(this.fd, uapi.request.GROUP_GET_DEVICE_FD, name, true),
    );
    if (fd < 0) throw deviceError(fd, address, vfToken);
    return fd;
  }

  /** {@link openDevice} on this thread. */
  openDeviceSync(address: string, vfToken?: string): number {
    const name = deviceName(address, vfToken);
    const fd = this.#native.ioctl(this.fd, uapi.request.GROUP_GET_DEVICE_FD, name, true);
    if (fd < 0) throw deviceError(fd, address, vfToken);
    return fd;
  }

  /** Counts one more device that is being opened. */
  enter(): void {
    this.#opening += 1;
  }

  /** The device is in its domain: the group now stays in the container until that closes. */
  entered(): void {
    this.#opening -= 1;
    this.#used = true;
    this.container.used = true;
  }

  /** The device could not be opened. A group that has given no device and gives none now leaves the container. */
  failed(): void {
    this.#opening -= 1;
    if (this.#used || this.#opening > 0) return;
    this.leave();
  }

  /** Leaves the container, and closes. */
  leave(): void {
    this.container.remove(this);
    this.close();
  }

  /** Called by the container when it closes. */
  close(): void {
    if (this.#descriptor.closed) return;
    this.#descriptor.close();
    this.#onClose(this);
  }
}

function deviceName(address: string, vfToken: string | undefined): Uint8Array {
  return new TextEncoder().encode(`${vfToken === undefined ? address : `${address} vf_token=${vfToken}`}\0`);
}

function deviceError(result: number, address: string, vfToken: string | undefined): PciError {
  const syscall = "ioctl VFIO_GROUP_GET_DEVICE_FD";
  switch (errnoName(result)) {
    case "EACCES":
    case "EPERM":
      return systemError(result, syscall, {
        code: "ERR_PERMISSION",
        ...tokenMismatch(address, vfToken),
      });
    case "EINVAL":
      return systemError(result, syscall, {
        code: "ERR_INVALID_ARGUMENT",
        ...unwantedToken(address, vfToken),
      });
    case "ENODEV":
      return systemError(result, syscall, {
        code: "ERR_WRONG_DRIVER",
        message: `${address} is not bound to vfio-pci`,
        hint: `userpci bind ${address}`,
      });
    case "EBUSY":
      return systemError(result, syscall, {
        code: "ERR_DEVICE_BUSY",
        message: `${address} is open already`,
        hint: "a device opens once at a time: close it first",
      });
    default:
      return systemError(result, syscall, { message: `opening ${address}` });
  }
}
