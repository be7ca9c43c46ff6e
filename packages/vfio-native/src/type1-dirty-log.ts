import { type DirtyLog, featureMissing, type Iova, PciError } from "@userpci/interface";
import { systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import type { Native } from "./native.ts";
import * as uapi from "./uapi/vfio.ts";

/** What the log needs of its container. */
export interface Type1DirtyHost {
  readonly native: Native;
  /** @throws PciError `ERR_CLOSED` */
  readonly fd: () => number;
  /** Smallest page of its IOMMUs in bytes: the kernel tells no others apart. */
  readonly pageSize: () => number;
}

/**
 * The pages that devices of a container may have written (`VFIO_IOMMU_DIRTY_PAGES`, Linux 5.8). Type1 reads no dirty bits
 * of an IOMMU: of devices whose driver does not tell, which are all under vfio-pci, it reports every page that they reach.
 */
export class Type1DirtyLog implements DirtyLog {
  readonly exact = false;
  readonly #host: Type1DirtyHost;

  constructor(host: Type1DirtyHost) {
    this.#host = host;
  }

  get pageSize(): number {
    return this.#host.pageSize();
  }

  start(): void {
    this.#request("START");
  }

  stop(): void {
    this.#request("STOP");
  }

  take(iova: Iova, size: number): Uint8Array {
    const { native, pageSize } = this.#host;
    const page = pageSize();
    const pages = size / page;
    // The kernel writes whole words.
    const data = new Uint8Array(new ArrayBuffer(Math.ceil(pages / 64) * 8));
    const range = uapi.dirtyBitmapGet.pack({ iova, size: BigInt(size) });
    const bitmap = uapi.bitmap.pack({
      pgsize: BigInt(page),
      size: BigInt(data.length),
      data: BigInt(native.addressOf(data)),
    });
    this.#request("GET_BITMAP", range, bitmap);
    return data.slice(0, Math.ceil(pages / 8));
  }

  #request(flag: keyof typeof uapi.dirtyPagesFlag, ...parts: Uint8Array[]): void {
    const trailing = parts.reduce((sum, part) => sum + part.length, 0);
    const argsz = uapi.dirtyBitmap.size + trailing;
    const bytes = uapi.dirtyBitmap.pack({ argsz, flags: uapi.dirtyPagesFlag[flag] }, trailing);
    let at = uapi.dirtyBitmap.size;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const result = this.#host.native.ioctl(this.#host.fd(), uapi.request.IOMMU_DIRTY_PAGES, bytes);
    if (result >= 0) return;
    const error = systemError(result, "ioctl VFIO_IOMMU_DIRTY_PAGES");
    if (failedWith(result, "ENOTTY")) throw featureMissing("dirty-tracking", "VFIO container", error);
    if (!failedWith(result, "EINVAL") || flag !== "GET_BITMAP") throw error;
    throw new PciError("ERR_INVALID_ARGUMENT", "nobody notes these pages, or they are no whole mappings", {
      hint: "begin first, by dma.trackWrites(true) or start() of the log, and ask for what was mapped",
      cause: error,
    });
  }
}
