import { checkInteger, checkType, formatValue, type IovaRange, MAX_IOVA, PciError } from "@userpci/interface";

/**
 * Sorts ranges and joins those that overlap or touch.
 *
 * @throws PciError `ERR_OUT_OF_RANGE` for a range that ends before it starts or does not fit 64 bits, `ERR_INVALID_ARGUMENT`
 */
export function normaliseRanges(ranges: Iterable<IovaRange>): IovaRange[] {
  checkIterable(ranges);
  const sorted = Array.from(ranges, copyRange).sort((a, b) =>
    a.start < b.start ? -1 : a.start > b.start ? 1 : 0,
  );
  const result: IovaRange[] = [];
  for (const range of sorted) {
    const before = result.at(-1);
    if (before !== undefined && range.start <= before.last + 1n) {
      result[result.length - 1] = { start: before.start, last: max(before.last, range.last) };
    } else {
      result.push(range);
    }
  }
  return result;
}

/** The addresses that are in `a` and in `b`, normalised. */
export function intersectRanges(a: Iterable<IovaRange>, b: Iterable<IovaRange>): IovaRange[] {
  const left = normaliseRanges(a);
  const right = normaliseRanges(b);
  const result: IovaRange[] = [];
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    const one = left[i]!;
    const other = right[j]!;
    const start = max(one.start, other.start);
    const last = min(one.last, other.last);
    if (start <= last) result.push({ start, last });
    if (one.last < other.last) i++;
    else j++;
  }
  return result;
}

/** The addresses that are in `a` and not in `b`, normalised. */
export function subtractRanges(a: Iterable<IovaRange>, b: Iterable<IovaRange>): IovaRange[] {
  return intersectRanges(a, complement(normaliseRanges(b)));
}

/**
 * The part of `ranges` that a device with this address width can drive (row R15).
 *
 * @param addressBits 0 to 64
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
 */
export function limitRanges(ranges: Iterable<IovaRange>, addressBits: number): IovaRange[] {
  if (checkInteger("addressBits", addressBits, 0, 64) === 0) return [];
  return intersectRanges(ranges, [{ start: 0n, last: (1n << BigInt(addressBits)) - 1n }]);
}

/**
 * Whether one of `ranges` (normalised) holds all of `start` to `last`.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what are no ranges, or no addresses
 */
export function rangesContain(ranges: readonly IovaRange[], start: bigint, last: bigint): boolean {
  checkArray(ranges);
  checkType("start", start, "bigint");
  checkType("last", last, "bigint");
  return ranges.some((range) => range.start <= start && last <= range.last);
}

/** A range for a message: `0x1000-0x1fff`. @throws PciError `ERR_INVALID_ARGUMENT` for none */
export function formatRange(range: IovaRange): string {
  checkType("a range", range, "object");
  checkType("the start of a range", range.start, "bigint");
  checkType("the last address of a range", range.last, "bigint");
  return `0x${range.start.toString(16)}-0x${range.last.toString(16)}`;
}

/** Ranges for a message: `0x0-0xfedfffff, 0xfef00000-0x7fffffffff`, or `none`. @throws PciError `ERR_INVALID_ARGUMENT` */
export function formatRanges(ranges: readonly IovaRange[]): string {
  checkArray(ranges);
  return ranges.length === 0 ? "none" : ranges.map(formatRange).join(", ");
}

function complement(ranges: readonly IovaRange[]): IovaRange[] {
  const result: IovaRange[] = [];
  let next = 0n;
  for (const { start, last } of ranges) {
    if (start > next) result.push({ start: next, last: start - 1n });
    next = last + 1n;
  }
  if (next <= MAX_IOVA) result.push({ start: next, last: MAX_IOVA });
  return result;
}

function checkIterable(ranges: Iterable<IovaRange>): void {
  if (typeof ranges?.[Symbol.iterator] !== "function") throw noRanges("an array or another iterable", ranges);
}

function checkArray(ranges: readonly IovaRange[]): void {
  if (!Array.isArray(ranges)) throw noRanges("an array", ranges);
}

function noRanges(what: string, ranges: unknown): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `ranges must be ${what}, not ${formatValue(ranges)}`, {
    hint: "pass ranges with both ends included, even a single one: [{ start: 0n, last: 0xffff_ffffn }]",
  });
}

/** A range of which each property was looked at once. */
function copyRange(range: IovaRange): IovaRange {
  checkType("a range", range, "object");
  const { start, last } = range;
  checkType("the start of a range", start, "bigint");
  checkType("the last address of a range", last, "bigint");
  if (start < 0n || last > MAX_IOVA || start > last) {
    throw new PciError(
      "ERR_OUT_OF_RANGE",
      `${formatRange({ start, last })} is not a range of 64-bit addresses`,
      {
        hint: "start and last are both included, so last is at least start",
      },
    );
  }
  return { start, last };
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
