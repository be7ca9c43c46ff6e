import type { IovaRange } from "@userpci/interface";
import type { DeviceAccess } from "./device-access.ts";
import { useNamedFeature } from "./feature.ts";
import { checkLogPage, checkRanges, pagesToRead } from "./range-check.ts";
import * as uapi from "./uapi/vfio.ts";

/**
 * Reads the log of writes into a bitmap.
 *
 * @param request a `struct vfio_device_feature_dma_logging_report`
 * @param bitmap as long as the range takes, in whole 64-bit words
 */
export type DmaReport = (request: Uint8Array, bitmap: Uint8Array) => void;

/** The pages that a device wrote by DMA, as it keeps them itself. */
export class DmaLog {
  readonly #access: DeviceAccess;
  readonly #report: DmaReport | undefined;

  /** @internal @param report how a log is read; default: the kernel writes it where it is told to */
  constructor(access: DeviceAccess, report?: DmaReport) {
    this.#access = access;
    this.#report = report;
  }

  /**
   * Begins to log.
   *
   * @param ranges what to watch
   * @param pageSize bytes that one bit is to stand for, a power of two of 4096 or more; the device may choose another
   * @returns the page size that the device chose
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED`, `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
   */
  start(ranges: readonly IovaRange[], pageSize = 4096): number {
    checkRanges(ranges);
    checkLogPage(pageSize);
    const { dmaLoggingControl: struct, dmaLoggingRange: record } = uapi;
    const values = { page_size: BigInt(pageSize), num_ranges: ranges.length };
    // The list is behind the structure, so that it lives as long.
    const data = struct.pack(values, ranges.length * record.size);
    struct.write(data, { ranges: BigInt(this.#access.native.addressOf(data) + struct.size) });
    ranges.forEach(({ start, last }, i) => {
      record.write(data, { iova: start, length: last - start + 1n }, struct.size + i * record.size);
    });
    useNamedFeature(this.#access, "dma-logging", "set", uapi.feature.DMA_LOGGING_START, data);
    return Number(uapi.dmaLoggingControl.read(data).page_size);
  }

  /** Ends it. @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED` */
  stop(): void {
    useNamedFeature(this.#access, "dma-logging", "set", uapi.feature.DMA_LOGGING_STOP);
  }

  /**
   * Reads the log of a range and clears it there.
   *
   * @returns a bitmap: page `n` of the range is bit `n % 8` of byte `n / 8`
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED`, `ERR_MISALIGNED` for a range that is no whole number of pages,
   * `ERR_OUT_OF_RANGE` for one of more than 2^31 pages, `ERR_INVALID_ARGUMENT`
   */
  read(range: IovaRange, pageSize = 4096): Uint8Array {
    const pages = pagesToRead(range, pageSize);
    const bitmap = new Uint8Array(new ArrayBuffer(Math.ceil(pages / 64) * 8));
    const data = uapi.dmaLoggingReport.pack({
      iova: range.start,
      length: range.last - range.start + 1n,
      page_size: BigInt(pageSize),
      bitmap: BigInt(this.#access.native.addressOf(bitmap)),
    });
    if (this.#report !== undefined) {
      this.#access.assertUsable();
      this.#report(data, bitmap);
    } else {
      useNamedFeature(this.#access, "dma-logging", "get", uapi.feature.DMA_LOGGING_REPORT, data);
    }
    return bitmap.slice(0, Math.ceil(pages / 8));
  }
}
