/** A range of whole pages. */
export interface PageSpan {
  /** Address of the first page, or any address if there is none. */
  readonly start: number;
  /** Bytes, 0 if there is no page. */
  readonly size: number;
}

/** The fewest pages that hold all of a range, which is what an IOMMU maps. */
export function coveringPages(address: number, length: number, pageSize: number): PageSpan {
  const start = address - (address % pageSize);
  const last = Math.ceil((address + length) / pageSize) * pageSize;
  return { start, size: length === 0 ? 0 : last - start };
}

/** The most pages that have nothing outside a range. */
export function pagesInside(address: number, length: number, pageSize: number): PageSpan {
  const start = Math.ceil(address / pageSize) * pageSize;
  const end = address + length;
  return { start, size: Math.max(0, end - (end % pageSize) - start) };
}
