import {
  checkInteger,
  checkMethods,
  checkType,
  type DirtyLog,
  type DmaDirection,
  Failures,
  type Iova,
  type IovaRange,
  isPciError,
  type MapperDescriptor,
  optionalFeatures,
  PciError,
} from "@userpci/interface";
import { checkDirection, formatRanges } from "@userpci/iommu";
import { systemError } from "./errno.ts";
import { FaultQueue } from "./fault-queue.ts";
import { IoasDirtyLog } from "./ioas-dirty-log.ts";
import { IoasMapper } from "./ioas-mapper.ts";
import { directionFlags } from "./ioas-record.ts";
import { failedWith } from "./ioctl.ts";
import type { Iommufd } from "./iommufd.ts";
import { checkPlace } from "./iommufd-object.ts";
import { bitmapSize, type DirtyOptions, PageTable, type PageTableOptions } from "./page-table.ts";
import { checkRange, checkRanges } from "./range-check.ts";
import * as uapi from "./uapi/iommufd.ts";

/** An address space of an iommufd (IOAS): the mappings of all devices that are attached to it. */
export class Ioas extends IoasMapper {
  readonly dirty: DirtyLog = new IoasDirtyLog(this);
  readonly #tables = new Set<PageTable>();
  readonly #queues = new Set<FaultQueue>();
  /** Whether page tables are to note which pages devices write, those made later too. */
  #trackingDirty = false;
  #handedOut = false;

  /** @internal @param onClose called once when it is closed */
  constructor(iommufd: Iommufd, onClose: () => void) {
    super(iommufd, { id: iommufd.allocIoas(), onClose });
  }

  /** From now on its number is given to no other address space: who has the descriptor maps by that. */
  override share(): MapperDescriptor {
    this.#handedOut = true;
    return super.share();
  }

  /**
   * Makes sure that these addresses stay mappable: a device that could not reach them is refused
   * (`IOMMU_IOAS_ALLOW_IOVAS`). Replaces what was asked for before; no range asks for nothing.
   *
   * @throws PciError `ERR_IOVA_RANGE` if a device that is attached cannot reach them, `ERR_CLOSED`,
   * `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for what are no ranges
   */
  allow(ranges: readonly IovaRange[]): void {
    this.assertOpen();
    checkRanges(ranges);
    const { ioasAllowIovas: struct, iovaRange: record } = uapi;
    const values = { size: struct.size, ioas_id: this.id, num_iovas: ranges.length };
    // The list is behind the structure, so that it lives as long.
    const bytes = struct.pack(values, ranges.length * record.size);
    struct.write(bytes, { allowed_iovas: BigInt(this.iommufd.native.addressOf(bytes) + struct.size) });
    ranges.forEach(({ start, last }, i) => {
      record.write(bytes, { start, last }, struct.size + i * record.size);
    });
    const result = this.iommufd.attempt("IOAS_ALLOW_IOVAS", bytes);
    if (result >= 0) return;
    throw systemError(result, "ioctl IOMMU_IOAS_ALLOW_IOVAS", {
      ...((failedWith(result, "EADDRINUSE") || failedWith(result, "EINVAL")) && { code: "ERR_IOVA_RANGE" }),
      message: `${formatRanges(ranges)} cannot be kept mappable in ${this.name}`,
      hint: "ask before devices are opened, or for what limits() has",
    });
  }

  /**
   * Maps what another address space of the same iommufd has mapped, at the same place, without pinning it once more
   * (`IOMMU_IOAS_COPY`).
   *
   * @param iova where the mapping begins in both
   * @param size of the whole mapping, in bytes
   * @throws PciError `ERR_INVALID_ARGUMENT` if that is no mapping of the other's, `ERR_OUT_OF_RANGE`,
   * `ERR_IOVA_OVERLAP`, `ERR_CLOSED`
   */
  copyFrom(source: Ioas, iova: Iova, size: number, direction: DmaDirection = "bidirectional"): void {
    this.assertOpen();
    checkMethods("source", source, ["assertOpen", "copyFrom"]);
    source.assertOpen();
    checkPlace(source.name, source, this.iommufd);
    checkType("iova", iova, "bigint");
    checkInteger("size", size, 1, Number.MAX_SAFE_INTEGER);
    checkRange({ start: iova, last: iova + BigInt(size) - 1n });
    checkDirection(direction);
    const bytes = uapi.ioasCopy.pack({
      size: uapi.ioasCopy.size,
      flags: directionFlags[direction],
      dst_ioas_id: this.id,
      src_ioas_id: source.id,
      length: BigInt(size),
      dst_iova: iova,
      src_iova: iova,
    });
    const result = this.iommufd.attempt("IOAS_COPY", bytes);
    if (result >= 0) return;
    const code = failedWith(result, "EEXIST") ? "ERR_IOVA_OVERLAP" : "ERR_INVALID_ARGUMENT";
    throw systemError(result, "ioctl IOMMU_IOAS_COPY", {
      code,
      message: `copying ${size} bytes at IOVA 0x${iova.toString(16)} from ${source.name} to ${this.name}`,
      hint: "copy exactly one mapping, within one iommufd, to where nothing is mapped",
    });
  }

  /**
   * Makes a page table with its mappings, for one device and others like it. One with dirty bits notes from the beginning
   * while the others do: see {@link setDirtyTracking}. It closes with the address space at the latest.
   *
   * @param deviceId what iommufd calls the device
   * @throws PciError `ERR_NOT_SUPPORTED` if the kernel or the device's IOMMU lacks what was asked for, `ERR_CLOSED`
   */
  createTable(deviceId: number, options: PageTableOptions = {}): PageTable {
    this.assertOpen();
    checkInteger("deviceId", deviceId, 0, 0xffff_ffff);
    const table = PageTable.create(this, deviceId, options, () => this.#tables.delete(table));
    this.#tables.add(table);
    if (this.#trackingDirty && table.dirtyTracking) {
      try {
        table.setDirtyTracking(true);
      } catch (error) {
        table.close();
        throw error;
      }
    }
    return table;
  }

  /**
   * Makes a queue for page requests of devices, which page tables of it can be made with. It closes with the address space at
   * the latest.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` before Linux 6.11, `ERR_CLOSED`
   */
  createFaultQueue(): FaultQueue {
    this.assertOpen();
    let queue: FaultQueue | undefined;
    queue = FaultQueue.create(this.iommufd, () => {
      // Already when making it fails.
      if (queue !== undefined) this.#queues.delete(queue);
    });
    this.#queues.add(queue);
    return queue;
  }

  /**
   * Begins or ends to note which pages devices write, in all page tables made for it, now and later. Harmless twice.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` to begin while no page table has dirty bits, `ERR_CLOSED`
   */
  setDirtyTracking(on: boolean): void {
    this.assertOpen();
    checkType("on", on, "boolean");
    if (on) this.#beginTracking();
    else this.#endTracking();
  }

  /**
   * Which pages any of its devices wrote; see {@link PageTable.readDirty}. What a page table has noted goes with it: a domain
   * reads it before its device leaves.
   *
   * @returns a bitmap: page `n` of the range is bit `n % 8` of byte `n / 8`
   * @throws PciError `ERR_NOT_SUPPORTED` where nothing was ever noted, `ERR_CLOSED`, `ERR_MISALIGNED` for a range that is no whole
   * number of pages, `ERR_OUT_OF_RANGE` for one of more than 2^31 pages, `ERR_INVALID_ARGUMENT`
   */
  readDirty(range: IovaRange, options?: DirtyOptions): Uint8Array {
    this.assertOpen();
    const tables = this.#trackingDirty ? this.#withDirtyBits() : this.#tracking();
    const bits = new Uint8Array(bitmapSize(range, options));
    for (const table of tables) {
      table.readDirty(range, options).forEach((byte, i) => {
        bits[i]! |= byte;
      });
    }
    return bits;
  }

  #beginTracking(): void {
    // Tables that were made since note already, and there may be none any more.
    if (this.#trackingDirty) return;
    const beginning = this.#tracking().filter(({ trackingDirty }) => !trackingDirty);
    try {
      for (const table of beginning) table.setDirtyTracking(true);
    } catch (error) {
      const failures = new Failures();
      for (const table of beginning) failures.try(() => table.setDirtyTracking(false));
      throw error;
    }
    this.#trackingDirty = true;
  }

  #endTracking(): void {
    this.#trackingDirty = false;
    const failures = new Failures();
    for (const table of this.#withDirtyBits()) failures.try(() => table.setDirtyTracking(false));
    failures.throwIfAny(`${this.name} notes no longer what devices write, but`);
  }

  #tracking(): PageTable[] {
    this.assertOpen();
    const tables = this.#withDirtyBits();
    if (tables.length > 0) return tables;
    const { brings } = optionalFeatures["dirty-tracking"];
    throw new PciError(
      "ERR_NOT_SUPPORTED",
      `${this.name} was made without dirty bits, or has no device in it`,
      {
        hint: `open the device into a domain of backend.createDomain({ dirtyTracking: true }), which takes ${brings}`,
        details: { feature: "dirty-tracking" },
      },
    );
  }

  #withDirtyBits(): PageTable[] {
    return [...this.#tables].filter(({ dirtyTracking }) => dirtyTracking);
  }

  /** Whether neighbouring pages are joined into large ones, which is what is faster; true at first. @throws PciError `ERR_CLOSED` */
  get hugePages(): boolean {
    this.assertOpen();
    return this.iommufd.getOption("HUGE_PAGES", this.id) !== 0n;
  }

  /**
   * To be turned off before anything is mapped.
   *
   * @throws PciError `ERR_CLOSED`, `ERR_INVALID_ARGUMENT` for no boolean, `EINVAL` for false while a device is there and something
   * is mapped (`iopt_disable_large_pages`)
   */
  set hugePages(on: boolean) {
    this.assertOpen();
    checkType("hugePages", on, "boolean");
    this.iommufd.setOption("HUGE_PAGES", on ? 1n : 0n, this.id);
  }

  /** Destroys it with what was made of it, and all of its mappings. */
  protected override leave(): void {
    const failures = new Failures();
    // Tables first: they use the queues.
    for (const each of [...this.#tables, ...this.#queues]) failures.try(() => each.leave());
    failures.try(() => this.#destroy());
    failures.throwIfAny(`${this.name} is closed, but`);
  }

  #destroy(): void {
    try {
      if (this.#handedOut) this.#empty();
      else this.iommufd.destroy(this.id);
    } catch (error) {
      // A device that is being closed elsewhere still has it: the kernel destroys it with the iommufd.
      if (!isPciError(error, "EBUSY")) throw error;
    }
  }

  /** All addresses at once, which no mapping can cross (`iommufd_ioas_unmap`). */
  #empty(): void {
    const length = 0xffff_ffff_ffff_ffffn;
    this.iommufd.request(
      "IOAS_UNMAP",
      uapi.ioasUnmap.pack({ size: uapi.ioasUnmap.size, ioas_id: this.id, length }),
    );
  }
}
