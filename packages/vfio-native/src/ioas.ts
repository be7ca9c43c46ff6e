import type { DmaDirection, DmaMapper, Iova, IovaRange, MapperLimits, MapRequest } from "@userpci/interface";
import { featureMissing, isPciError, PciError } from "@userpci/interface";
import { formatRanges } from "@userpci/iommu";
import { systemError } from "./errno.ts";
import { mapError, unmapError } from "./explain.ts";
import {
  directionFlags,
  fillMap,
  fillUnmap,
  type MapRecord,
  newMapRecord,
  newUnmapRecord,
  type UnmapRecord,
} from "./ioas-record.ts";
import { failedWith } from "./ioctl.ts";
import { type Iommufd, ioasClosed } from "./iommufd.ts";
import { readMemlock, readUserMemlock } from "./memlock.ts";
import { type DirtyOptions, PageTable, type PageTableOptions } from "./page-table.ts";

import * as uapi from "./uapi/iommufd.ts";
import { Users } from "./users.ts";

/** From this size on pinning is slow enough (about 1 ms for 8 MiB of small pages) to leave the main thread. */
const ASYNC_SIZE = 8 * 2 ** 20;
/** Rooms for ranges at first; the kernel says when it has more. */
const FEW_RANGES = 8;
/** More ranges than a machine has reserved regions; a larger demand is refused. */
const MOST_RANGES = 65_536;

/** An address space of an iommufd (IOAS): the mappings of all devices that are attached to it. */
export class Ioas implements DmaMapper {
  readonly name: string;
  readonly id: number;
  readonly iommufd: Iommufd;
  readonly #users = new Users();
  readonly #tables = new Set<PageTable>();
  readonly #onClose: () => void;
  // For the calls on this thread, one after the other. The kernel gets their addresses: an array is dearer to hand over.
  readonly #map: MapRecord;
  readonly #unmap: UnmapRecord;
  readonly #mapAddress: number;
  readonly #unmapAddress: number;
  #closed = false;

  /** @internal @param onClose called once when it is closed */
  constructor(iommufd: Iommufd, onClose: () => void) {
    this.iommufd = iommufd;
    this.id = iommufd.allocIoas();
    iommufd.hold();
    this.name = `iommufd ioas ${this.id}`;
    this.#onClose = onClose;
    this.#map = newMapRecord(this.id);
    this.#unmap = newUnmapRecord(this.id);
    this.#mapAddress = iommufd.native.addressOf(this.#map.bytes);
    this.#unmapAddress = iommufd.native.addressOf(this.#unmap.bytes);
  }

  get closed(): boolean {
    return this.#closed;
  }

  limits(): MapperLimits {
    this.assertOpen();
    let answer = this.#ranges(FEW_RANGES);
    if (failedWith(answer.result, "EMSGSIZE")) {
      answer = this.#ranges(Math.min(answer.count, MOST_RANGES));
    }
    if (answer.result < 0) throw systemError(answer.result, "ioctl IOMMU_IOAS_IOVA_RANGES");
    return { ranges: answer.ranges, pageSize: answer.alignment };
  }

  mapSync(request: MapRequest): void {
    this.assertOpen();
    const { address } = request.memory;
    if (address === undefined) {
      this.#mapFile(request);
      return;
    }
    fillMap(this.#map, request, address);
    const result = this.iommufd.attempt("IOAS_MAP", this.#mapAddress);
    if (result < 0) throw this.#mapError(result, request);
  }

  async map(request: MapRequest): Promise<void> {
    const { address } = request.memory;
    if (request.size < ASYNC_SIZE || address === undefined) return this.mapSync(request);
    this.assertOpen();
    const record = newMapRecord(this.id);
    fillMap(record, request, address);
    const result = await this.#users.during(() => this.iommufd.attemptAsync("IOAS_MAP", record.bytes));
    if (result >= 0) return;
    this.assertOpen();
    throw this.#mapError(result, request);
  }

  unmapSync(iova: Iova, size: number): void {
    // The kernel has dropped every mapping with the address space.
    if (this.#closed) return;
    fillUnmap(this.#unmap, iova, size);
    const result = this.iommufd.attempt("IOAS_UNMAP", this.#unmapAddress);
    if (result < 0) throw this.#unmapError(result, iova, size);
  }

  async unmap(iova: Iova, size: number): Promise<void> {
    if (size < ASYNC_SIZE) return this.unmapSync(iova, size);
    if (this.#closed) return;
    const record = newUnmapRecord(this.id);
    fillUnmap(record, iova, size);
    const result = await this.#users.during(() => this.iommufd.attemptAsync("IOAS_UNMAP", record.bytes));
    if (result < 0) throw this.#unmapError(result, iova, size);
  }

  /**
   * Makes sure that these addresses stay mappable: a device that could not reach them is refused
   * (`IOMMU_IOAS_ALLOW_IOVAS`). Replaces what was asked for before; no range asks for nothing.
   *
   * @throws PciError `ERR_IOVA_RANGE` if a device that is attached cannot reach them, `ERR_CLOSED`
   */
  allow(ranges: readonly IovaRange[]): void {
    this.assertOpen();
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
   * @throws PciError `ERR_INVALID_ARGUMENT` if that is no mapping of the other's, `ERR_IOVA_OVERLAP`, `ERR_CLOSED`
   */
  copyFrom(source: Ioas, iova: Iova, size: number, direction: DmaDirection = "bidirectional"): void {
    this.assertOpen();
    source.assertOpen();
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
   * Makes a page table with its mappings, for one device and others like it.
   *
   * @param deviceId what iommufd calls the device
   * @throws PciError `ERR_NOT_SUPPORTED` if the kernel or the device's IOMMU lacks what was asked for, `ERR_CLOSED`
   */
  createTable(deviceId: number, options: PageTableOptions = {}): PageTable {
    this.assertOpen();
    const table = PageTable.create(this, deviceId, options, () => this.#tables.delete(table));
    this.#tables.add(table);
    return table;
  }

  /** Begins or ends to note which pages devices write, in all page tables made for it. @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED` */
  setDirtyTracking(on: boolean): void {
    for (const table of this.#tracking()) table.setDirtyTracking(on);
  }

  /** Which pages any of its devices wrote; see {@link PageTable.readDirty}. */
  readDirty(range: IovaRange, options?: DirtyOptions): Uint8Array {
    const [first, ...others] = this.#tracking().map((table) => table.readDirty(range, options));
    for (const other of others)
      other.forEach((byte, i) => {
        first![i]! |= byte;
      });
    return first!;
  }

  #tracking(): PageTable[] {
    this.assertOpen();
    const tables = [...this.#tables].filter(({ dirtyTracking }) => dirtyTracking);
    if (tables.length > 0) return tables;
    throw featureMissing("dirty-tracking", this.name);
  }

  /** Whether neighbouring pages are joined into large ones, which is what is faster; true at first. @throws PciError `ERR_CLOSED` */
  get hugePages(): boolean {
    this.assertOpen();
    return this.iommufd.getOption("HUGE_PAGES", this.id) !== 0n;
  }

  set hugePages(on: boolean) {
    this.assertOpen();
    this.iommufd.setOption("HUGE_PAGES", on ? 1n : 0n, this.id);
  }

  /** Keeps it and its iommufd until `work` has settled, also when it is closed meanwhile. */
  use<T>(work: () => Promise<T>): Promise<T> {
    return this.#users.during(work);
  }

  /** @throws PciError `ERR_CLOSED` */
  assertOpen(): void {
    if (this.#closed) throw ioasClosed();
  }

  /** Destroys it with all of its mappings, when the calls on other threads have ended. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    this.#users.whenNone(() => {
      try {
        this.iommufd.destroy(this.id);
      } catch (error) {
        // A device that is being closed elsewhere still has it: the kernel destroys it with the iommufd.
        if (!isPciError(error, "EBUSY")) throw error;
      } finally {
        this.iommufd.release();
      }
    });
  }

  /** Maps memory that has no address in this process, by its file. */
  #mapFile(request: MapRequest): void {
    const { memory, iova, size, offset, direction } = request;
    if (memory.file === undefined) {
      throw new PciError("ERR_NOT_SUPPORTED", "memory without an address or a file cannot be pinned", {
        hint: "allocate it with device.dma.alloc, or from the backend's memory source",
      });
    }
    const bytes = uapi.ioasMapFile.pack({
      size: uapi.ioasMapFile.size,
      flags: directionFlags[direction],
      ioas_id: this.id,
      fd: memory.file.fd,
      start: BigInt(memory.file.offset + offset),
      length: BigInt(size),
      iova,
    });
    const result = this.iommufd.attempt("IOAS_MAP_FILE", bytes);
    if (result < 0) throw this.#mapError(result, request, "IOAS_MAP_FILE");
  }

  #ranges(room: number): {
    result: number;
    count: number;
    alignment: number;
    ranges: IovaRange[];
  } {
    const records = new Uint8Array(new ArrayBuffer(room * uapi.iovaRange.size));
    const bytes = uapi.ioasIovaRanges.pack({
      size: uapi.ioasIovaRanges.size,
      ioas_id: this.id,
      num_iovas: room,
      allowed_iovas: BigInt(this.iommufd.native.addressOf(records)),
    });
    const result = this.iommufd.attempt("IOAS_IOVA_RANGES", bytes);
    const { num_iovas: count, out_iova_alignment } = uapi.ioasIovaRanges.read(bytes);
    const filled = result < 0 ? 0 : Math.min(count, room);
    const ranges = Array.from({ length: filled }, (_, i) =>
      uapi.iovaRange.read(records, i * uapi.iovaRange.size),
    );
    return { result, count, alignment: Number(out_iova_alignment), ranges };
  }

  #mapError(result: number, request: MapRequest, name = "IOAS_MAP"): PciError {
    return mapError(result, request, () => this.limits(), {
      syscall: `ioctl IOMMU_${name}`,
      memlock: () => (this.iommufd.accounting === "process" ? readMemlock() : readUserMemlock()),
    });
  }

  #unmapError(result: number, iova: Iova, size: number): PciError {
    const syscall = "ioctl IOMMU_IOAS_UNMAP";
    if (failedWith(result, "ENOENT")) return unmapError(iova, size, result, syscall);
    return systemError(result, syscall);
  }
}
