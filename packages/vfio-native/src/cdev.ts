import { isPciError, type PciError } from "@userpci/interface";
import { errnoName, systemError } from "./errno.ts";
import { openError } from "./explain.ts";
import type { Ioas } from "./ioas.ts";
import type { Iommufd } from "./iommufd.ts";
import type { Entrance, OpenedDevice } from "./kernel-path.ts";
import { dmaOwnerError } from "./lookup.ts";
import type { Native } from "./native.ts";
import type { PageTable } from "./page-table.ts";
import * as uapi from "./uapi/vfio.ts";
import { tokenMismatch, unwantedToken, vfTokenBytes } from "./vf-token.ts";

/** A device's place in an iommufd. */
export interface CdevBinding {
  readonly iommufd: Iommufd;
  /** What iommufd's requests call the device. */
  readonly deviceId: number;
  /** The address space it is attached to. */
  readonly ioas: Ioas;
}

/** A device node (`/dev/vfio/devices/vfioN`) on its way to being a device: opened, bound to an iommufd, attached. */
export class CdevOpening {
  readonly #native: Native;
  readonly #entrance: Entrance;
  readonly #path: string;
  readonly #ioas: Ioas;
  /** A page table of its own, where the kernel's would not do. */
  #table: PageTable | undefined;
  /** Here, because the kernel gets its address. */
  readonly #token: Uint8Array | undefined;

  /** @param path of the device node */
  constructor(native: Native, entrance: Entrance, path: string, ioas: Ioas) {
    this.#native = native;
    this.#entrance = entrance;
    this.#path = path;
    this.#ioas = ioas;
    this.#token = entrance.vfToken === undefined ? undefined : vfTokenBytes(entrance.vfToken);
  }

  /** Binding resets the device, so it is off this thread. @throws PciError; nothing is then open */
  open(): Promise<OpenedDevice> {
    // While the call waits for its thread, the number of the iommufd must not become another file's.
    return this.#ioas.use(() => this.#open());
  }

  async #open(): Promise<OpenedDevice> {
    const fd = this.#openNode();
    try {
      const bytes = this.#bindArgument();
      const result = await this.#native.ioctlAsync(fd, uapi.request.DEVICE_BIND_IOMMUFD, bytes);
      return this.#bound(fd, bytes, result);
    } catch (error) {
      await this.#native.closeAsync(fd);
      throw error;
    }
  }

  /** {@link open} on this thread. */
  openSync(): OpenedDevice {
    const fd = this.#openNode();
    try {
      const bytes = this.#bindArgument();
      const result = this.#native.ioctl(fd, uapi.request.DEVICE_BIND_IOMMUFD, bytes);
      return this.#bound(fd, bytes, result);
    } catch (error) {
      this.#native.close(fd);
      throw error;
    }
  }

  #openNode(): number {
    const fd = this.#native.open(this.#path, this.#native.constants.O_RDWR);
    if (fd < 0) throw openError(fd, this.#path, this.#entrance.address);
    return fd;
  }

  #bindArgument(): Uint8Array {
    const token = this.#token;
    return uapi.bindIommufd.pack({
      argsz: uapi.bindIommufd.size,
      iommufd: this.#ioas.iommufd.fd,
      ...(token && { flags: uapi.bindFlag.TOKEN, token_uuid_ptr: BigInt(this.#native.addressOf(token)) }),
    });
  }

  #bound(fd: number, bytes: Uint8Array, result: number): OpenedDevice {
    if (result < 0) throw this.#bindError(result);
    this.#ioas.assertOpen();
    const deviceId = uapi.bindIommufd.read(bytes).out_devid;
    if (this.#entrance.dirtyTracking) this.#table = this.#ioas.createTable(deviceId, { dirtyTracking: true });
    this.#attach(fd);
    return { fd, binding: { iommufd: this.#ioas.iommufd, deviceId, ioas: this.#ioas } };
  }

  /** Gives up what was made for the device alone. To be called when its descriptor is closed. */
  leave(): void {
    try {
      this.#table?.close();
    } catch (error) {
      // A child that has not reached its exec yet has the device's descriptor too: the address space closes the table.
      if (!isPciError(error, "ERR_BUSY")) throw error;
    }
  }

  #attach(fd: number): void {
    const { id: pt_id } = this.#table ?? this.#ioas;
    const bytes = uapi.attachPageTable.pack({ argsz: uapi.attachPageTable.size, pt_id });
    const result = this.#native.ioctl(fd, uapi.request.DEVICE_ATTACH_IOMMUFD_PT, bytes);
    if (result < 0) throw attachError(result, this.#entrance.address, this.#ioas);
  }

  /** See `vfio_df_ioctl_bind_iommufd` in `drivers/vfio/device_cdev.c`. */
  #bindError(result: number): PciError {
    const { address, group, vfToken } = this.#entrance;
    const syscall = "ioctl VFIO_DEVICE_BIND_IOMMUFD";
    switch (errnoName(result)) {
      case "EACCES":
        return systemError(result, syscall, { code: "ERR_PERMISSION", ...tokenMismatch(address, vfToken) });
      case "EPERM":
        return dmaOwnerError(result, syscall, address, group);
      case "EINVAL":
        // The kernel says the same of a device that is open elsewhere and of a token that is not wanted.
        if (vfToken === undefined) return this.#busy(result, syscall);
        return systemError(result, syscall, {
          code: "ERR_INVALID_ARGUMENT",
          ...unwantedToken(address, vfToken),
        });
      case "EBUSY":
        return this.#busy(result, syscall);
      case "ENODEV":
        return systemError(result, syscall, {
          code: "ERR_WRONG_DRIVER",
          message: `${address} is not bound to vfio-pci`,
          hint: `userpci bind ${address}`,
        });
      default:
        return systemError(result, syscall, { message: `opening ${address}` });
    }
  }

  /** The node is open elsewhere; that may pass. */
  #busy(result: number, syscall: string): PciError {
    return systemError(result, syscall, {
      code: "EBUSY",
      path: this.#path,
      message: `opening ${this.#path}`,
    });
  }
}

/** Why a device cannot join an address space. */
function attachError(result: number, address: string, ioas: Ioas): PciError {
  const syscall = "ioctl VFIO_DEVICE_ATTACH_IOMMUFD_PT";
  const name = errnoName(result);
  if (name === "EADDRINUSE") {
    return systemError(result, syscall, {
      code: "ERR_IOVA_RANGE",
      message: `${address} cannot join ${ioas.name}: something is mapped where this device's IOMMU cannot map`,
      hint: "open the device before mapping memory, or unmap what stands in the way",
    });
  }
  return systemError(result, syscall, { message: `attaching ${address} to ${ioas.name}` });
}
