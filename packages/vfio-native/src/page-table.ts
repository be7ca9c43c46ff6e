import { checkMethods, checkType, featureMissing, type IovaRange, PciError } from "@userpci/interface";
import { errnoName, systemError } from "./errno.ts";
import type { FaultQueue } from "./fault-queue.ts";
import type { Ioas } from "./ioas.ts";
import type { Iommufd } from "./iommufd.ts";
import { checkPlace, type InUse, IommufdObject } from "./iommufd-object.ts";
import { pagesToRead } from "./range-check.ts";
import * as uapi from "./uapi/iommufd.ts";

/** What a page table is to be able to do. */
export interface PageTableOptions {
  /** Whether it keeps dirty bits, and takes no device whose IOMMU does not. Default false. */
  readonly dirtyTracking?: boolean;
  /** Whether it can be attached to a PASID, and to a device that has others attached to its PASIDs. Default false. */
  readonly pasid?: boolean;
  /** Where page requests of its devices go. */
  readonly faults?: FaultQueue;
}

/** Bytes that a bit stands for by default. */
const PAGE = 4096;

/** How a bitmap of dirty pages is to be read. */
export interface DirtyOptions {
  /** Bytes that one bit stands for: a power of two, the IOMMU's page size or more. Default 4096. */
  readonly pageSize?: number;
  /** Whether the pages count as clean from then on. Default true. */
  readonly clear?: boolean;
}

/** Bytes of a bitmap of the pages of a range. @throws PciError as {@link pagesToRead} */
export function bitmapSize(range: IovaRange, options: DirtyOptions = {}): number {
  checkType("options", options, "object");
  return Math.ceil(pagesToRead(range, options.pageSize ?? PAGE) / 8);
}

/** A page table of the IOMMU (HWPT): an address space as the hardware walks it, made for one device and others like it. */
export class PageTable implements Disposable {
  /** Whether it has dirty bits. */
  readonly dirtyTracking: boolean;
  /** Where its number means something. @internal */
  readonly iommufd: Iommufd;
  readonly #object: IommufdObject;
  #trackingDirty = false;

  private constructor(object: IommufdObject, dirtyTracking: boolean) {
    this.#object = object;
    this.iommufd = object.iommufd;
    this.dirtyTracking = dirtyTracking;
  }

  /**
   * Makes a page table with the mappings of an address space, now and later (`IOMMU_HWPT_ALLOC`).
   *
   * @internal
   * @param deviceId of the device whose IOMMU is to walk it
   * @param onClose called once when it is closed
   * @throws PciError `ERR_NOT_SUPPORTED` if the kernel or that IOMMU lacks what was asked for
   */
  static create(ioas: Ioas, deviceId: number, options: PageTableOptions, onClose: () => void): PageTable {
    checkOptions(ioas, options);
    const { dirtyTracking = false, pasid = false, faults } = options;
    const { DIRTY_TRACKING, PASID, FAULT_ID_VALID } = uapi.hwptFlag;
    const flags = (dirtyTracking ? DIRTY_TRACKING : 0) | (pasid ? PASID : 0) | (faults ? FAULT_ID_VALID : 0);
    const bytes = uapi.hwptAlloc.pack({
      size: uapi.hwptAlloc.size,
      flags,
      dev_id: deviceId,
      pt_id: ioas.id,
      ...(faults && { fault_id: faults.id }),
    });
    faults?.retain();
    const result = ioas.iommufd.attempt("HWPT_ALLOC", bytes);
    if (result < 0) {
      faults?.release();
      throw allocError(result, ioas, options);
    }
    const gone = (): void => {
      faults?.release();
      onClose();
    };
    const { out_hwpt_id } = uapi.hwptAlloc.read(bytes);
    return new PageTable(new IommufdObject(ioas.iommufd, out_hwpt_id, gone), dirtyTracking);
  }

  /** What iommufd calls it. */
  get id(): number {
    return this.#object.id;
  }

  get closed(): boolean {
    return this.#object.gone;
  }

  /** Whether it notes which pages devices write. */
  get trackingDirty(): boolean {
    return this.#trackingDirty;
  }

  /**
   * Begins or ends to note which pages devices write. Harmless twice.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if it was made without, `ERR_CLOSED`
   */
  setDirtyTracking(on: boolean): void {
    this.#assertTracking();
    checkType("on", on, "boolean");
    // To begin twice would forget what was written: the kernel begins with clean pages (`iopt_set_dirty_tracking`).
    if (on === this.#trackingDirty) return;
    const flags = on ? uapi.dirtyTrackingFlag.ENABLE : 0;
    const { size } = uapi.hwptSetDirtyTracking;
    this.iommufd.request(
      "HWPT_SET_DIRTY_TRACKING",
      uapi.hwptSetDirtyTracking.pack({ size, flags, hwpt_id: this.id }),
    );
    this.#trackingDirty = on;
  }

  /**
   * Which pages of a range devices have written since tracking began, or since they were last read.
   *
   * @returns a bitmap: page `n` of the range is bit `n % 8` of byte `n / 8`
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED`, `ERR_MISALIGNED` for a range that is no whole number of pages,
   * `ERR_OUT_OF_RANGE` for one of more than 2^31 pages, `ERR_INVALID_ARGUMENT`
   */
  readDirty(range: IovaRange, options: DirtyOptions = {}): Uint8Array {
    this.#assertTracking();
    const size = bitmapSize(range, options);
    const { pageSize = PAGE, clear = true } = options;
    checkType("clear", clear, "boolean");
    // The kernel writes whole words.
    const data = new Uint8Array(new ArrayBuffer(Math.ceil(size / 8) * 8));
    this.iommufd.request(
      "HWPT_GET_DIRTY_BITMAP",
      uapi.hwptGetDirtyBitmap.pack({
        size: uapi.hwptGetDirtyBitmap.size,
        hwpt_id: this.id,
        flags: clear ? 0 : uapi.dirtyBitmapFlag.NO_CLEAR,
        iova: range.start,
        length: range.last - range.start + 1n,
        page_size: BigInt(pageSize),
        data: BigInt(this.iommufd.native.addressOf(data)),
      }),
    );
    return data.slice(0, size);
  }

  /** Destroys it. Harmless twice. @throws PciError `ERR_BUSY` while a device is attached; it can then be tried again */
  close(): void {
    this.#object.destroy(this.#inUse);
  }

  /** {@link close} with its address space: one that is in use even then is left to the kernel. @internal */
  leave(): void {
    this.#object.leave(this.#inUse);
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  get #inUse(): InUse {
    return {
      message: `page table ${this.id} cannot be destroyed`,
      hint: "close the devices that are attached to it, or give them another page table",
    };
  }

  #assertTracking(): void {
    if (this.closed) {
      throw new PciError("ERR_CLOSED", `page table ${this.id} is closed`, {
        hint: "make another: device.iommu.createPageTable()",
      });
    }
    if (!this.dirtyTracking) throw featureMissing("dirty-tracking", `page table ${this.id}`);
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT` */
function checkOptions(ioas: Ioas, options: PageTableOptions): void {
  checkType("options", options, "object");
  const { dirtyTracking, pasid, faults } = options;
  if (dirtyTracking !== undefined) checkType("dirtyTracking", dirtyTracking, "boolean");
  if (pasid !== undefined) checkType("pasid", pasid, "boolean");
  if (faults === undefined) return;
  checkMethods("faults", faults, ["take", "respond"]);
  checkPlace("the queue of page requests", faults, ioas.iommufd);
}

/** See `iommufd_hwpt_paging_alloc` in `drivers/iommu/iommufd/hw_pagetable.c`: what hardware lacks is EOPNOTSUPP, by its other name. */
function allocError(
  result: number,
  ioas: Ioas,
  { dirtyTracking, pasid, faults }: PageTableOptions,
): PciError {
  const error = systemError(result, "ioctl IOMMU_HWPT_ALLOC", {
    message: `making a page table of ${ioas.name}`,
  });
  if (errnoName(result) !== "ENOTSUP" && errnoName(result) !== "ENOTTY") return error;
  const who = "the IOMMU in front of the device";
  if (dirtyTracking) return featureMissing("dirty-tracking", who, error);
  if (pasid) return featureMissing("pasid", who, error);
  if (faults !== undefined) return featureMissing("fault-queue", who, error);
  return error;
}
