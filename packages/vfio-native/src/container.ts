import {
  type DmaMapper,
  type Iova,
  type IovaRange,
  type MapperLimits,
  type MapRequest,
  PciError,
} from "@userpci/interface";
import { capabilityRecords, infoCapabilities } from "./capability-chain.ts";
import { Descriptor } from "./descriptor.ts";
import { systemError } from "./errno.ts";
import { CONTAINER_NODE, mapError, openError, unmapError } from "./explain.ts";
import { check, failedWith, query } from "./ioctl.ts";
import type { Native } from "./native.ts";
import { StructRecord } from "./struct-record.ts";
import * as uapi from "./uapi/vfio.ts";

/** From this size on pinning is slow enough (about 1 ms for 8 MiB of small pages) to leave the main thread. */
const ASYNC_SIZE = 8 * 2 ** 20;

const directionFlags = {
  "to-device": uapi.mapFlag.READ,
  "from-device": uapi.mapFlag.WRITE,
  bidirectional: uapi.mapFlag.READ | uapi.mapFlag.WRITE,
} as const;

const newMapRecord = () => new StructRecord(uapi.dmaMap, { argsz: uapi.dmaMap.size });
const newUnmapRecord = () => new StructRecord(uapi.dmaUnmap, { argsz: uapi.dmaUnmap.size });
type MapRecord = ReturnType<typeof newMapRecord>;
type UnmapRecord = ReturnType<typeof newUnmapRecord>;

/** Something that must be closed before the container: a group that is in it. */
export interface ContainerMember {
  readonly fd: number;
  close(): void;
}

/**
 * A VFIO container with the type1v2 IOMMU: one address space for the devices of all groups in it
 * (`Documentation/driver-api/vfio.rst`, `drivers/vfio/vfio_iommu_type1.c`).
 */
export class Container implements DmaMapper {
  readonly name = "VFIO container";
  readonly #native: Native;
  readonly #descriptor: Descriptor;
  readonly #members: ContainerMember[] = [];
  readonly #onClose: () => void;
  // For the calls on this thread, one after the other. The kernel gets their addresses: an array is dearer to hand over.
  readonly #map = newMapRecord();
  readonly #unmap = newUnmapRecord();
  readonly #mapAddress: number;
  readonly #unmapAddress: number;
  #hasIommu = false;

  private constructor(native: Native, fd: number, onClose: () => void) {
    this.#native = native;
    this.#descriptor = new Descriptor(native, fd);
    this.#onClose = onClose;
    this.#mapAddress = native.addressOf(this.#map.bytes);
    this.#unmapAddress = native.addressOf(this.#unmap.bytes);
  }

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
      return new Container(native, fd, onClose);
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

  get closed(): boolean {
    return this.#descriptor.closed;
  }

  get #fd(): number {
    return this.#descriptor.fd;
  }

  /**
   * Puts a group into the container. The first one selects the IOMMU driver. The container closes the group when it
   * closes itself: the last group to leave would drop every mapping.
   */
  add(member: ContainerMember): void {
    const fd = new Uint8Array(new Int32Array([this.#fd]).buffer);
    check(this.#native, member.fd, "GROUP_SET_CONTAINER", fd);
    try {
      if (!this.#hasIommu) this.#selectIommu();
    } catch (error) {
      this.#native.ioctl(member.fd, uapi.request.GROUP_UNSET_CONTAINER, 0);
      throw error;
    }
    this.#members.push(member);
  }

  #selectIommu(): void {
    const result = this.#native.ioctl(this.#fd, uapi.request.SET_IOMMU, uapi.extension.TYPE1v2_IOMMU);
    if (result === -1 /* EPERM */) {
      throw systemError(result, "ioctl VFIO_SET_IOMMU", {
        code: "ERR_NO_IOMMU",
        message: "the IOMMU does not remap interrupts, so a device could forge them",
        hint: "enable interrupt remapping in the firmware; only if you trust the device: modprobe vfio_iommu_type1 allow_unsafe_interrupts=1",
      });
    }
    if (result < 0) throw systemError(result, "ioctl VFIO_SET_IOMMU");
    this.#hasIommu = true;
  }

  /** Takes a group out again, when opening its device failed and no other device of it is open. */
  remove(member: ContainerMember): void {
    const index = this.#members.indexOf(member);
    if (index < 0) return;
    this.#members.splice(index, 1);
    this.#native.ioctl(member.fd, uapi.request.GROUP_UNSET_CONTAINER, 0);
    if (this.#members.length === 0) this.#hasIommu = false;
  }

  /** Number of groups in the container. */
  get groups(): number {
    return this.#members.length;
  }

  limits(): MapperLimits {
    const bytes = query(this.#native, this.#fd, "IOMMU_GET_INFO", uapi.iommuInfo, {});
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
    const pageSize = Number(info.iova_pgsizes & -info.iova_pgsizes) || this.#native.pageSize();
    return mappingsLeft === undefined ? { ranges, pageSize } : { ranges, pageSize, mappingsLeft };
  }

  mapSync(request: MapRequest): void {
    this.#assertOpen();
    fillMap(this.#map, request);
    const result = this.#native.ioctl(this.#fd, uapi.request.IOMMU_MAP_DMA, this.#mapAddress);
    if (result < 0) throw mapError(result, request, () => this.limits());
  }

  async map(request: MapRequest): Promise<void> {
    if (request.size < ASYNC_SIZE) return this.mapSync(request);
    this.#assertOpen();
    const record = newMapRecord();
    fillMap(record, request);
    await this.#descriptor.use(async () => {
      const result = await this.#native.ioctlAsync(this.#fd, uapi.request.IOMMU_MAP_DMA, record.bytes);
      if (result >= 0) return;
      // Without its groups the container can neither map nor say what it could.
      this.#assertOpen();
      throw mapError(result, request, () => this.limits());
    });
  }

  unmapSync(iova: Iova, size: number): void {
    // The kernel has dropped every mapping with the container.
    if (this.closed) return;
    fillUnmap(this.#unmap, iova, size);
    const result = this.#native.ioctl(this.#fd, uapi.request.IOMMU_UNMAP_DMA, this.#unmapAddress);
    this.#checkUnmapped(result, this.#unmap, iova, size);
  }

  async unmap(iova: Iova, size: number): Promise<void> {
    if (size < ASYNC_SIZE) return this.unmapSync(iova, size);
    if (this.closed) return;
    const record = newUnmapRecord();
    fillUnmap(record, iova, size);
    await this.#descriptor.use(async () => {
      const result = await this.#native.ioctlAsync(this.#fd, uapi.request.IOMMU_UNMAP_DMA, record.bytes);
      this.#checkUnmapped(result, record, iova, size);
    });
  }

  /** The kernel writes back how much it unmapped, and refuses to split a mapping (EINVAL). */
  #checkUnmapped(result: number, record: UnmapRecord, iova: Iova, size: number): void {
    const syscall = "ioctl VFIO_IOMMU_UNMAP_DMA";
    if (failedWith(result, "EINVAL")) {
      if (this.#lostItsIommu()) return;
      throw unmapError(iova, size, result, syscall);
    }
    if (result < 0) throw systemError(result, syscall);
    if (record.getNumber("size") !== size) throw unmapError(iova, size);
  }

  /**
   * Whether the kernel took the last group out, and dropped every mapping: its device was closed because it was to be removed
   * or given to another driver (`vfio_device_remove_group`).
   */
  #lostItsIommu(): boolean {
    const info = new StructRecord(uapi.iommuInfo, { argsz: uapi.iommuInfo.size });
    return this.#hasIommu && this.#native.ioctl(this.#fd, uapi.request.IOMMU_GET_INFO, info.bytes) < 0;
  }

  /** Closes the groups, then the container; the kernel drops what is still mapped. */
  close(): void {
    if (this.closed) return;
    // Not before the calls on other threads have ended: when the last group leaves, the kernel frees what they work on.
    // Linux 6.12 has no lock there and panics (`vfio_fops_unl_ioctl` against `vfio_group_detach_container`).
    this.#descriptor.close(() => {
      for (const member of this.#members.reverse()) member.close();
      this.#members.length = 0;
    });
    this.#onClose();
  }

  #assertOpen(): void {
    if (this.closed) throw new PciError("ERR_CLOSED", "the VFIO container is closed, with its backend");
  }
}

function fillMap(record: MapRecord, { memory, offset, iova, size, direction }: MapRequest): void {
  if (memory.address === undefined) {
    throw new PciError("ERR_NOT_SUPPORTED", "memory without an address of this process cannot be pinned", {
      hint: "allocate it with device.dma.alloc, or from the backend's memory source",
    });
  }
  record.setU32("flags", directionFlags[direction]);
  record.setU64("vaddr", offset === 0 ? memory.address : memory.address + BigInt(offset));
  record.setU64("iova", iova);
  record.setNumber("size", size);
}

function fillUnmap(record: UnmapRecord, iova: Iova, size: number): void {
  record.setU64("iova", iova);
  record.setNumber("size", size);
}
