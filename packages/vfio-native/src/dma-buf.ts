import { constants } from "node:fs";
import { checkInteger, type DmaMemory, PciError, type RegionArea } from "@userpci/interface";
import type { DeviceAccess } from "./device-access.ts";
import { useNamedFeature } from "./feature.ts";
import * as uapi from "./uapi/vfio.ts";

/**
 * A part of a BAR as a dma-buf: memory without bytes of this process, which other devices can be given access to.
 *
 * @param region number of the region
 * @param area whole pages of it
 * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED`, or with the system's code
 */
export function exportDmaBuf(access: DeviceAccess, region: number, area: RegionArea): DmaMemory {
  checkInteger("the region's index", region, 0, 0xffff_ffff);
  checkInteger("the area's size", area.size, 1, Number.MAX_SAFE_INTEGER);
  const range = uapi.dmaBufRange.pack({ offset: BigInt(area.offset), length: BigInt(area.size) });
  const data = uapi.dmaBuf.pack(
    { region_index: region, open_flags: constants.O_RDWR | O_CLOEXEC, nr_ranges: 1 },
    range.length,
  );
  data.set(range, uapi.dmaBuf.size);
  const fd = useNamedFeature(access, "dma-buf", "get", uapi.feature.DMA_BUF, data);
  return new DmaBuf(access, fd, area.size);
}

/** Node has no name for it; the number is the same on x86 and ARM (`asm-generic/fcntl.h`). */
const O_CLOEXEC = 0o2000000;

class DmaBuf implements DmaMemory {
  readonly size: number;
  readonly pageSize: number;
  /** Empty: a BAR is never handed out as bytes. */
  readonly buffer = new ArrayBuffer(0);
  readonly file: { readonly fd: number; readonly offset: number };
  readonly #access: DeviceAccess;
  #users = 0;
  #closed = false;

  constructor(access: DeviceAccess, fd: number, size: number) {
    this.#access = access;
    this.size = size;
    this.pageSize = access.native.pageSize();
    this.file = { fd, offset: 0 };
  }

  get closed(): boolean {
    return this.#closed;
  }

  retain(): void {
    if (this.#closed) throw new PciError("ERR_CLOSED", "the dma-buf is closed", { hint: "export it again" });
    this.#users += 1;
  }

  release(): void {
    if (this.#users === 0) {
      throw new PciError("ERR_INVALID_ARGUMENT", "the dma-buf is released more often than retained", {
        hint: "call release() once for each call of retain()",
      });
    }
    this.#users -= 1;
  }

  close(): void {
    if (this.#closed) return;
    if (this.#users > 0) {
      throw new PciError("ERR_BUSY", `the dma-buf of ${this.#access.address} is still mapped`, {
        hint: "unmap it first: a device may still reach it",
      });
    }
    this.#closed = true;
    this.#access.native.close(this.file.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
