import { type DirtyLog, PciError } from "@userpci/interface";
import { systemError } from "./errno.ts";
import { CONTAINER_NODE, openError } from "./explain.ts";
import { check } from "./ioctl.ts";
import type { Native } from "./native.ts";
import { Type1Mapper } from "./type1.ts";
import { Type1DirtyLog } from "./type1-dirty-log.ts";
import * as uapi from "./uapi/vfio.ts";

/** Something that must be closed before the container: a group that is in it. */
export interface ContainerMember {
  readonly fd: number;
  close(): void;
}

/**
 * A VFIO container with the type1v2 IOMMU: one address space for the devices of all groups in it
 * (`Documentation/driver-api/vfio.rst`, `drivers/vfio/vfio_iommu_type1.c`).
 */
export class Container extends Type1Mapper {
  /** Whether a device ever was in it: it then lives as long as its domain. */
  used = false;
  readonly dirty: DirtyLog = new Type1DirtyLog({
    native: this.native,
    fd: () => {
      this.assertOpen();
      return this.file.fd;
    },
    pageSize: () => this.limits().pageSize,
  });
  readonly #members: ContainerMember[] = [];

  /**
   * Opens `/dev/vfio/vfio`.
   *
   * @param onClose called once when the container closes
   * @throws PciError `ERR_PERMISSION`, `ERR_NOT_SUPPORTED`
   */
  static open(native: Native, onClose: () => void): Container {
    const fd = native.open(CONTAINER_NODE, native.constants.O_RDWR);
    if (fd < 0) throw openError(fd, CONTAINER_NODE);
    try {
      Container.#assertUsable(native, fd);
      return new Container(native, fd, { name: "VFIO container", onClose });
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  static #assertUsable(native: Native, fd: number): void {
    const version = check(native, fd, "GET_API_VERSION", 0);
    if (version !== uapi.API_VERSION) {
      throw new PciError("ERR_NOT_SUPPORTED", `the kernel speaks VFIO API version ${version}, we speak 0`, {
        hint: "use a version of @userpci/vfio-native made for this kernel",
      });
    }
    if (check(native, fd, "CHECK_EXTENSION", uapi.extension.TYPE1v2_IOMMU) === 0) {
      throw new PciError("ERR_NOT_SUPPORTED", "the kernel has no type1v2 IOMMU driver for VFIO", {
        hint: "modprobe vfio_iommu_type1",
      });
    }
  }

  /**
   * Puts a group into the container. One that finds no other selects the IOMMU driver. The container closes the group when it
   * closes itself: the last group to leave would drop every mapping.
   */
  add(member: ContainerMember): void {
    const fd = new Uint8Array(new Int32Array([this.file.fd]).buffer);
    check(this.native, member.fd, "GROUP_SET_CONTAINER", fd);
    try {
      if (this.lost) this.#selectIommu();
    } catch (error) {
      this.native.ioctl(member.fd, uapi.request.GROUP_UNSET_CONTAINER, 0);
      throw error;
    }
    this.#members.push(member);
  }

  #selectIommu(): void {
    const result = this.native.ioctl(this.file.fd, uapi.request.SET_IOMMU, uapi.extension.TYPE1v2_IOMMU);
    if (result === -1 /* EPERM */) {
      throw systemError(result, "ioctl VFIO_SET_IOMMU", {
        code: "ERR_NO_IOMMU",
        message: "the IOMMU does not remap interrupts, so a device could forge them",
        hint: "enable interrupt remapping in the firmware; only if you trust the device: modprobe vfio_iommu_type1 allow_unsafe_interrupts=1",
      });
    }
    if (result < 0) throw systemError(result, "ioctl VFIO_SET_IOMMU");
  }

  /** Takes a group out again: when opening its device failed and no other device of it is open, or when the group is gone. */
  remove(member: ContainerMember): void {
    const index = this.#members.indexOf(member);
    if (index < 0) return;
    this.#members.splice(index, 1);
    // Fails for a group that the kernel has taken out itself.
    this.native.ioctl(member.fd, uapi.request.GROUP_UNSET_CONTAINER, 0);
  }

  /** Number of groups in the container. */
  get groups(): number {
    return this.#members.length;
  }

  /** Closes the groups, then the container; the kernel drops what is still mapped. */
  protected override leave(): void {
    // Not before the calls on other threads have ended: when the last group leaves, the kernel frees what they work on.
    // Linux 6.12 has no lock there and panics (`vfio_fops_unl_ioctl` against `vfio_group_detach_container`).
    for (const member of this.#members.reverse()) member.close();
    this.#members.length = 0;
  }
}
