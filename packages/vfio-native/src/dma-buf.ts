import { constants } from "node:fs";
import { CountedMemory, checkInteger, checkType, type DmaMemory, type RegionArea } from "@userpci/interface";
import { adoptFd } from "./adopt-fd.ts";
import type { DeviceAccess } from "./device-access.ts";
import { useNamedFeature } from "./feature.ts";
import type { Native } from "./native.ts";
import * as uapi from "./uapi/vfio.ts";

/**
 * A part of a BAR as a dma-buf: memory without bytes of this process, which other devices can be given access to.
 *
 * @param region number of the region
 * @param area whole pages of it
 * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED`, `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, or with the system's code
 */
export function exportDmaBuf(access: DeviceAccess, region: number, area: RegionArea): DmaMemory {
  checkInteger("the region's index", region, 0, 0xffff_ffff);
  checkType("area", area, "object");
  checkInteger("the area's offset", area.offset, 0, Number.MAX_SAFE_INTEGER);
  checkInteger("the area's size", area.size, 1, Number.MAX_SAFE_INTEGER);
  const range = uapi.dmaBufRange.pack({ offset: BigInt(area.offset), length: BigInt(area.size) });
  const data = uapi.dmaBuf.pack(
    { region_index: region, open_flags: constants.O_RDWR, nr_ranges: 1 },
    range.length,
  );
  data.set(range, uapi.dmaBuf.size);
  const fd = useNamedFeature(access, "dma-buf", "get", uapi.feature.DMA_BUF, data);
  return new DmaBuf(access, adoptFd(access.native, fd), area.size);
}

class DmaBuf extends CountedMemory {
  readonly size: number;
  readonly pageSize: number;
  /** Empty: a BAR is never handed out as bytes. */
  readonly buffer = new ArrayBuffer(0);
  readonly file: { readonly fd: number; readonly offset: number };
  readonly #native: Native;

  constructor({ native, address }: DeviceAccess, fd: number, size: number) {
    super(`the dma-buf of ${address}`);
    this.size = size;
    this.pageSize = native.pageSize();
    this.file = { fd, offset: 0 };
    this.#native = native;
  }

  protected free(): void {
    this.#native.close(this.file.fd);
  }
}
