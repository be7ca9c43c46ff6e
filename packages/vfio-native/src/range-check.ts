import {
  checkInteger,
  checkPowerOfTwo,
  checkType,
  formatValue,
  type IovaRange,
  MAX_IOVA,
  PciError,
} from "@userpci/interface";
import { formatRange } from "@userpci/iommu";

/** Smallest page that a log of writes has bits for (`vfio_ioctl_device_feature_logging_report`, `iommufd_check_iova_range`). */
const SMALLEST_PAGE = 4096;
const LARGEST_PAGE = 2 ** 46;
/** Most pages of one bitmap, which then has 256 MiB: as many as the kernel takes of a container (`DIRTY_BITMAP_PAGES_MAX`). */
const MOST_PAGES = 2 ** 31;

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for what is no range of 64-bit addresses */
export function checkRange(range: IovaRange): void {
  checkType("a range", range, "object");
  const { start, last } = range;
  checkType("the start of a range", start, "bigint");
  checkType("the last address of a range", last, "bigint");
  if (0n <= start && start <= last && last <= MAX_IOVA) return;
  throw new PciError("ERR_OUT_OF_RANGE", `${start} to ${last} is no range of 64-bit addresses`, {
    hint: "begin at 0 or above, and end there or behind: both addresses belong to the range",
  });
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for what is no list of ranges */
export function checkRanges(ranges: readonly IovaRange[]): void {
  if (!Array.isArray(ranges)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${formatValue(ranges)} is no list of ranges`, {
      hint: "pass an array: [{ start: 0n, last: 0xfffn }]",
    });
  }
  ranges.forEach(checkRange);
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for what no bit of a log can stand for */
export function checkLogPage(pageSize: number): void {
  checkPowerOfTwo("pageSize", checkInteger("pageSize", pageSize, SMALLEST_PAGE, LARGEST_PAGE));
}

/**
 * How many pages a range has, of which a log of writes is to be read.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_MISALIGNED` for no whole pages, `ERR_OUT_OF_RANGE` for more than one bitmap has
 */
export function pagesToRead(range: IovaRange, pageSize: number): number {
  checkRange(range);
  checkLogPage(pageSize);
  const size = BigInt(pageSize);
  const length = range.last - range.start + 1n;
  if (range.start % size !== 0n || length % size !== 0n) {
    throw new PciError("ERR_MISALIGNED", `${formatRange(range)} is no range of pages`, {
      hint: `begin and end at multiples of ${pageSize} bytes`,
    });
  }
  const pages = length / size;
  if (pages <= MOST_PAGES) return Number(pages);
  throw new PciError("ERR_OUT_OF_RANGE", `${formatRange(range)} has ${pages} pages of ${pageSize} bytes`, {
    hint: `read it in parts of at most ${MOST_PAGES} pages, or with a larger pageSize`,
  });
}
