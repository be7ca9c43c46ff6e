/** Some bytes of a buffer. */
export interface ByteRange {
  /** From the buffer's beginning. */
  readonly offset: number;
  readonly size: number;
}

/**
 * The pages of a bitmap as ranges, as few as there can be.
 *
 * @param bits page `n` is bit `n % 8` of byte `n / 8`
 * @param pageSize in bytes
 * @param window the bytes that matter, from the first page's beginning; offsets count from `start`
 */
export function rangesOf(
  bits: Uint8Array,
  pageSize: number,
  window: { readonly start: number; readonly size: number },
): ByteRange[] {
  const ranges: { offset: number; size: number }[] = [];
  const end = window.start + window.size;
  for (let page = Math.floor(window.start / pageSize); page * pageSize < end; page++) {
    if (((bits[page >> 3] ?? 0) & (1 << (page & 7))) === 0) continue;
    const from = Math.max(page * pageSize, window.start);
    const size = Math.min((page + 1) * pageSize, end) - from;
    const last = ranges.at(-1);
    const offset = from - window.start;
    if (last !== undefined && last.offset + last.size === offset) last.size += size;
    else ranges.push({ offset, size });
  }
  return ranges;
}
