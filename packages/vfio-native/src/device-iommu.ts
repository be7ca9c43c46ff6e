import { checkInteger, checkMethods, featureMissing, PciError } from "@userpci/interface";
import type { CdevBinding } from "./cdev.ts";
import type { DeviceAccess } from "./device-access.ts";
import { systemError } from "./errno.ts";
import type { FaultQueue } from "./fault-queue.ts";
import type { Ioas } from "./ioas.ts";
import { failedWith } from "./ioctl.ts";
import { type IommuHardware, iommuHardware } from "./iommu-hardware.ts";
import { checkPlace } from "./iommufd-object.ts";
import type { PageTable, PageTableOptions } from "./page-table.ts";
import * as uapi from "./uapi/vfio.ts";

/** PASIDs have at most 20 bits (PCI Express base specification, section 6.20). */
const MOST_PASID = 0xf_ffff;

/** What iommufd can do for one device beside mapping: page tables of its own choice, PASIDs, page requests. */
export class DeviceIommu {
  /** The address space that the device was opened into. */
  readonly ioas: Ioas;
  readonly #access: DeviceAccess;
  readonly #binding: CdevBinding;

  /** @internal */
  constructor(access: DeviceAccess, binding: CdevBinding) {
    this.#access = access;
    this.#binding = binding;
    this.ioas = binding.ioas;
  }

  /** What iommufd calls the device. */
  get deviceId(): number {
    return this.#binding.deviceId;
  }

  /** What the IOMMU in front of the device says of itself. @throws PciError `ERR_CLOSED`, `ERR_NOT_SUPPORTED` before Linux 6.6 */
  hardware(): IommuHardware {
    this.#access.assertUsable();
    if (this.#binding.iommufd.knows("GET_HW_INFO")) return iommuHardware(this.#binding);
    throw featureMissing("iommu-info", this.#access.address);
  }

  /**
   * Makes a page table of the device's address space. The caller closes it, after the device left it; what it has noted of
   * writes by then, and nobody has read, is lost. It closes with the address space at the latest, since other devices in
   * that may use it too.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if the kernel or the IOMMU lacks what was asked for, `ERR_INVALID_ARGUMENT` also for a
   * fault queue of another iommufd, `ERR_CLOSED`
   */
  createPageTable(options: PageTableOptions = {}): PageTable {
    this.#access.assertUsable();
    return this.ioas.createTable(this.deviceId, options);
  }

  /**
   * Makes a queue for page requests. The caller closes it, after the page tables that it was given to; it closes with the
   * address space at the latest.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` before Linux 6.11, `ERR_CLOSED`
   */
  createFaultQueue(): FaultQueue {
    this.#access.assertUsable();
    return this.ioas.createFaultQueue();
  }

  /**
   * Has the IOMMU walk another page table for the device, or the kernel's own one for its address space, from one access to
   * the next.
   *
   * @throws PciError `ERR_CLOSED` also for a table that is, `ERR_INVALID_ARGUMENT` for what is none or of another iommufd, or
   * with the system's code if that table does not suit the device
   */
  attach(table: PageTable | Ioas): void {
    this.#walk(table, {});
  }

  /**
   * Gives a PASID of the device an address space of its own (Linux 6.15). Take a page table that was made for PASIDs.
   *
   * @param pasid above 0, as the device sends it
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` and others as {@link attach}
   */
  attachPasid(pasid: number, table: PageTable | Ioas): void {
    checkInteger("the PASID", pasid, 1, MOST_PASID);
    this.#requirePasid();
    this.#walk(table, { flags: uapi.attachFlag.PASID, pasid });
  }

  /** Ends what {@link attachPasid} began: accesses with that PASID fail. @throws PciError `ERR_NOT_SUPPORTED`, `ERR_OUT_OF_RANGE`, `ERR_CLOSED`, or the system's code */
  detachPasid(pasid: number): void {
    checkInteger("the PASID", pasid, 1, MOST_PASID);
    this.#requirePasid();
    const argsz = uapi.detachPageTable.size;
    const bytes = uapi.detachPageTable.pack({ argsz, flags: uapi.attachFlag.PASID, pasid });
    const { native, fd, address } = this.#access;
    const result = native.ioctl(fd, uapi.request.DEVICE_DETACH_IOMMUFD_PT, bytes);
    if (result >= 0) return;
    throw systemError(result, "ioctl VFIO_DEVICE_DETACH_IOMMUFD_PT", {
      message: `detaching PASID ${pasid} of ${address}`,
    });
  }

  #walk(table: PageTable | Ioas, values: { flags?: number; pasid?: number }): void {
    this.#access.assertUsable();
    checkMethods("table", table, ["close"]);
    checkPlace("the page table", table, this.#binding.iommufd);
    if (table.closed) {
      throw new PciError("ERR_CLOSED", `page table ${table.id} is closed`, {
        hint: "take one that is open: device.iommu.createPageTable(options), or device.iommu.ioas",
      });
    }
    const { native, fd, address } = this.#access;
    const argsz = uapi.attachPageTable.size;
    const bytes = uapi.attachPageTable.pack({ argsz, pt_id: table.id, ...values });
    const result = native.ioctl(fd, uapi.request.DEVICE_ATTACH_IOMMUFD_PT, bytes);
    if (result >= 0) return;
    const error = systemError(result, "ioctl VFIO_DEVICE_ATTACH_IOMMUFD_PT", {
      message: `attaching ${address} to page table ${table.id}`,
    });
    const lacksPasid = values.pasid !== undefined && failedWith(result, "ENOTSUP");
    throw lacksPasid ? featureMissing("pasid", address, error) : error;
  }

  #requirePasid(): void {
    if (this.hardware().pasidBits === 0) throw featureMissing("pasid", this.#access.address);
  }
}
