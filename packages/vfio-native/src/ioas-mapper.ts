import type {
  DmaMapper,
  Iova,
  IovaRange,
  MapperDescriptor,
  MapperLimits,
  MapRequest,
  PciError,
  PinBudget,
} from "@userpci/interface";
import { systemError } from "./errno.ts";
import { mapError, sweepError, unmapError } from "./explain.ts";
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
import { readPins } from "./memlock.ts";
import { ASYNC_SIZE, cannotPin } from "./pinning.ts";
import * as uapi from "./uapi/iommufd.ts";
import { Users } from "./users.ts";

/** Rooms for ranges at first; the kernel says when it has more. */
const FEW_RANGES = 8;
/** More ranges than a machine has reserved regions; a larger demand is refused. */
const MOST_RANGES = 65_536;

/** Which address space of an iommufd. */
export interface IoasOptions {
  readonly id: number;
  /** Whether another process owns it, and may have unmapped what this one mapped. Default false. */
  readonly adopted?: boolean;
  /** Called once when it is closed. */
  readonly onClose: () => void;
}

/** The mappings of an address space of an iommufd (IOAS), by its number. */
export class IoasMapper implements DmaMapper {
  readonly name: string;
  readonly id: number;
  readonly iommufd: Iommufd;
  readonly #users = new Users();
  readonly #adopted: boolean;
  readonly #onClose: () => void;
  // For the calls on this thread, one after the other. The kernel gets their addresses: an array is dearer to hand over.
  readonly #map: MapRecord;
  readonly #unmap: UnmapRecord;
  readonly #mapAddress: number;
  readonly #unmapAddress: number;
  #closed = false;

  /** @internal */
  constructor(iommufd: Iommufd, { id, adopted = false, onClose }: IoasOptions) {
    this.iommufd = iommufd;
    this.id = id;
    iommufd.hold();
    this.name = `iommufd ioas ${id}`;
    this.#adopted = adopted;
    this.#onClose = onClose;
    this.#map = newMapRecord(this.id);
    this.#unmap = newUnmapRecord(this.id);
    this.#mapAddress = iommufd.native.addressOf(this.#map.bytes);
    this.#unmapAddress = iommufd.native.addressOf(this.#unmap.bytes);
  }

  get closed(): boolean {
    return this.#closed;
  }

  share(): MapperDescriptor {
    this.assertOpen();
    return { kind: "iommufd-ioas", fd: this.iommufd.fd, object: this.id };
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

  pins(): PinBudget {
    return readPins(this.iommufd.accounting);
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
    // Its owner's address space drops the rest with itself; an adopted one was emptied by its domain before.
    if (this.#closed) return;
    fillUnmap(this.#unmap, iova, size);
    const result = this.iommufd.attempt("IOAS_UNMAP", this.#unmapAddress);
    this.#checkUnmapped(result, iova, size);
  }

  async unmap(iova: Iova, size: number): Promise<void> {
    if (size < ASYNC_SIZE) return this.unmapSync(iova, size);
    if (this.#closed) return;
    const record = newUnmapRecord(this.id);
    fillUnmap(record, iova, size);
    const result = await this.#users.during(() => this.iommufd.attemptAsync("IOAS_UNMAP", record.bytes));
    this.#checkUnmapped(result, iova, size);
  }

  sweepSync(iova: Iova, size: number): void {
    if (this.#closed) return;
    fillUnmap(this.#unmap, iova, size);
    const result = this.iommufd.attempt("IOAS_UNMAP", this.#unmapAddress);
    if (result >= 0 || failedWith(result, "ENOENT")) return;
    throw sweepError(iova, size, result, "ioctl IOMMU_IOAS_UNMAP");
  }

  /** Keeps it and its iommufd until `work` has settled, also when it is closed meanwhile. */
  use<T>(work: () => Promise<T>): Promise<T> {
    return this.#users.during(work);
  }

  /** @throws PciError `ERR_CLOSED` */
  assertOpen(): void {
    if (this.#closed) throw ioasClosed();
  }

  /** Gives it up, when the calls on other threads have ended. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    this.#users.whenNone(() => {
      try {
        this.leave();
      } finally {
        this.iommufd.release();
      }
    });
  }

  /** What must come just before the iommufd is released. */
  protected leave(): void {}

  /** Maps memory that has no address in this process, by its file. */
  #mapFile(request: MapRequest): void {
    const { memory, iova, size, offset, direction } = request;
    if (memory.file === undefined) throw cannotPin("an address or a file");
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
      pins: () => this.pins(),
    });
  }

  #checkUnmapped(result: number, iova: Iova, size: number): void {
    if (result >= 0) return;
    const syscall = "ioctl IOMMU_IOAS_UNMAP";
    if (!failedWith(result, "ENOENT")) throw systemError(result, syscall);
    if (!this.#adopted) throw unmapError(iova, size, result, syscall);
  }
}
