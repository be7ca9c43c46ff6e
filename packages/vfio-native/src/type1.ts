import {
  type DmaMapper,
  type Iova,
  type IovaRange,
  type MapperDescriptor,
  type MapperLimits,
  type MapRequest,
  PciError,
  type PinBudget,
} from "@userpci/interface";
import { capabilityRecords, infoCapabilities } from "./capability-chain.ts";
import { Descriptor } from "./descriptor.ts";
import { systemError } from "./errno.ts";
import { mapError, sweepError, unmapError } from "./explain.ts";
import { failedWith, query } from "./ioctl.ts";
import { readPins } from "./memlock.ts";
import type { Native } from "./native.ts";
import { ASYNC_SIZE, cannotPin } from "./pinning.ts";
import { StructRecord } from "./struct-record.ts";
import * as uapi from "./uapi/vfio.ts";

const directionFlags = {
  "to-device": uapi.mapFlag.READ,
  "from-device": uapi.mapFlag.WRITE,
  bidirectional: uapi.mapFlag.READ | uapi.mapFlag.WRITE,
} as const;

const newMapRecord = () => new StructRecord(uapi.dmaMap, { argsz: uapi.dmaMap.size });
const newUnmapRecord = () => new StructRecord(uapi.dmaUnmap, { argsz: uapi.dmaUnmap.size });
type MapRecord = ReturnType<typeof newMapRecord>;
type UnmapRecord = ReturnType<typeof newUnmapRecord>;

/** What is known of a container's descriptor. */
export interface Type1Options {
  /** For messages. */
  readonly name: string;
  /** Whether another process owns the address space, and may have unmapped what this one mapped. Default false. */
  readonly adopted?: boolean;
  /** Called once when it closes. */
  readonly onClose: () => void;
}

/**
 * The mappings of a VFIO container with the type1v2 IOMMU, by its descriptor
 * (`Documentation/driver-api/vfio.rst`, `drivers/vfio/vfio_iommu_type1.c`).
 */
export class Type1Mapper implements DmaMapper {
  readonly name: string;
  protected readonly native: Native;
  protected readonly file: Descriptor;
  readonly #adopted: boolean;
  readonly #onClose: () => void;
  // For the calls on this thread, one after the other. The kernel gets their addresses: an array is dearer to hand over.
  readonly #map = newMapRecord();
  readonly #unmap = newUnmapRecord();
  readonly #mapAddress: number;
  readonly #unmapAddress: number;

  /** @param fd its own from now on */
  constructor(native: Native, fd: number, { name, adopted = false, onClose }: Type1Options) {
    this.name = name;
    this.native = native;
    this.file = new Descriptor(native, fd);
    this.#adopted = adopted;
    this.#onClose = onClose;
    this.#mapAddress = native.addressOf(this.#map.bytes);
    this.#unmapAddress = native.addressOf(this.#unmap.bytes);
  }

  get closed(): boolean {
    return this.file.closed;
  }

  share(): MapperDescriptor {
    this.assertOpen();
    return { kind: "vfio-container", fd: this.#fd };
  }

  get #fd(): number {
    return this.file.fd;
  }

  limits(): MapperLimits {
    this.assertOpen();
    const bytes = query(this.native, this.#fd, "IOMMU_GET_INFO", uapi.iommuInfo, {});
    const info = uapi.iommuInfo.read(bytes);
    let ranges: IovaRange[] = [{ start: 0n, last: 0xffff_ffff_ffff_ffffn }];
    let mappingsLeft: number | undefined;
    const first = (info.flags & uapi.iommuInfoFlag.CAPS) === 0 ? 0 : info.cap_offset;
    for (const { id, offset } of infoCapabilities(bytes, first, uapi.iommuInfo.offsets.cap_offset + 4)) {
      if (id === uapi.iommuCapability.IOVA_RANGE) {
        const { nr_iovas } = uapi.iovaRangeCap.read(bytes, offset);
        const records = capabilityRecords(bytes, offset + uapi.iovaRangeCap.size, nr_iovas, uapi.iovaRange);
        ranges = records.map(({ start, end }) => ({ start, last: end }));
      } else if (id === uapi.iommuCapability.DMA_AVAIL) {
        mappingsLeft = uapi.dmaAvail.read(bytes, offset).avail;
      }
    }
    const pageSize = Number(info.iova_pgsizes & -info.iova_pgsizes) || this.native.pageSize();
    return mappingsLeft === undefined ? { ranges, pageSize } : { ranges, pageSize, mappingsLeft };
  }

  pins(): PinBudget {
    return readPins("process");
  }

  mapSync(request: MapRequest): void {
    this.assertOpen();
    fillMap(this.#map, request);
    const result = this.native.ioctl(this.#fd, uapi.request.IOMMU_MAP_DMA, this.#mapAddress);
    if (result < 0) throw this.#mapError(result, request);
  }

  async map(request: MapRequest): Promise<void> {
    if (request.size < ASYNC_SIZE) return this.mapSync(request);
    this.assertOpen();
    const record = newMapRecord();
    fillMap(record, request);
    await this.file.use(async () => {
      const result = await this.native.ioctlAsync(this.#fd, uapi.request.IOMMU_MAP_DMA, record.bytes);
      if (result >= 0) return;
      // Without its groups the container can neither map nor say what it could.
      this.assertOpen();
      throw this.#mapError(result, request);
    });
  }

  unmapSync(iova: Iova, size: number): void {
    // Its owner's container drops the rest with itself; an adopted one was emptied by its domain before.
    if (this.closed) return;
    const result = this.#unmapNow(iova, size);
    this.#checkUnmapped(result, this.#unmap, iova, size);
  }

  async unmap(iova: Iova, size: number): Promise<void> {
    if (size < ASYNC_SIZE) return this.unmapSync(iova, size);
    if (this.closed) return;
    const record = newUnmapRecord();
    fillUnmap(record, iova, size);
    await this.file.use(async () => {
      const result = await this.native.ioctlAsync(this.#fd, uapi.request.IOMMU_UNMAP_DMA, record.bytes);
      this.#checkUnmapped(result, record, iova, size);
    });
  }

  /** Before Linux 6.0 only what this process has mapped (`vfio_dma_do_unmap`). */
  sweepSync(iova: Iova, size: number): void {
    if (this.closed) return;
    const result = this.#unmapNow(iova, size);
    if (result >= 0 || this.lost) return;
    throw sweepError(iova, size, result, "ioctl VFIO_IOMMU_UNMAP_DMA");
  }

  /** Gives the descriptor back; the kernel drops what is mapped when nobody has one. */
  close(): void {
    if (this.closed) return;
    this.file.close(() => this.leave());
    this.#onClose();
  }

  /**
   * Whether it has no IOMMU, because no group is in it: none yet, or the kernel took the last one out, and dropped every mapping.
   * It does so when the device was closed because it was to be removed or given to another driver
   * (`vfio_device_remove_group`).
   */
  get lost(): boolean {
    const info = new StructRecord(uapi.iommuInfo, { argsz: uapi.iommuInfo.size });
    return this.native.ioctl(this.#fd, uapi.request.IOMMU_GET_INFO, info.bytes) < 0;
  }

  /** What must come just before the descriptor closes. */
  protected leave(): void {}

  #unmapNow(iova: Iova, size: number): number {
    fillUnmap(this.#unmap, iova, size);
    return this.native.ioctl(this.#fd, uapi.request.IOMMU_UNMAP_DMA, this.#unmapAddress);
  }

  #mapError(result: number, request: MapRequest): PciError {
    if (!failedWith(result, "EINVAL") || !this.lost) {
      return mapError(result, request, () => this.limits());
    }
    return systemError(result, "ioctl VFIO_IOMMU_MAP_DMA", {
      code: "ERR_DOMAIN_EMPTY",
      message: `the ${this.name} has no device left in it`,
      hint: this.#adopted
        ? "its owner closed it, or its devices went: have the domain sent again"
        : "the device was removed, or given to another driver: open one into a new domain",
    });
  }

  /** The kernel writes back how much it unmapped, and refuses to split a mapping (EINVAL). */
  #checkUnmapped(result: number, record: UnmapRecord, iova: Iova, size: number): void {
    const syscall = "ioctl VFIO_IOMMU_UNMAP_DMA";
    if (failedWith(result, "EINVAL")) {
      if (this.lost) return;
      throw unmapError(iova, size, result, syscall);
    }
    if (result < 0) throw systemError(result, syscall);
    const unmapped = record.getNumber("size");
    if (unmapped === size || (unmapped === 0 && this.#adopted)) return;
    throw unmapError(iova, size);
  }

  /** @throws PciError `ERR_CLOSED` */
  protected assertOpen(): void {
    if (!this.closed) return;
    throw new PciError("ERR_CLOSED", `the ${this.name} is closed, with its backend or domain`, {
      hint: "open the device again, into a new domain",
    });
  }
}

function fillMap(record: MapRecord, { memory, offset, iova, size, direction }: MapRequest): void {
  if (memory.address === undefined) throw cannotPin("an address of this process");
  record.setU32("flags", directionFlags[direction]);
  record.setU64("vaddr", offset === 0 ? memory.address : memory.address + BigInt(offset));
  record.setU64("iova", iova);
  record.setNumber("size", size);
}

function fillUnmap(record: UnmapRecord, iova: Iova, size: number): void {
  record.setU64("iova", iova);
  record.setNumber("size", size);
}
