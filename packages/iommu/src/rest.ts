/** Units of the largest range that is kept, and most ranges of one size. */
const LARGEST = 64;
const MOST = 32;

/**
 * Small ranges that were freed, kept where they are for the next request of their size: the table then changes only who
 * has them. The kernel's allocator keeps some for the same reason (`iova_rcache` in `drivers/iommu/iova.c`).
 */
export class RestingRanges {
  /** For each size, starts and handles in turn, the youngest last. */
  readonly #bySize: number[][] = Array.from({ length: LARGEST + 1 }, () => []);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Keeps a range, unless it is large or its size has enough of them. @returns whether it does */
  keep(start: number, size: number, handle: number): boolean {
    if (size > LARGEST) return false;
    const stack = this.#bySize[size]!;
    if (stack.length >= 2 * MOST) return false;
    stack.push(start, handle);
    this.#count++;
    return true;
  }

  /** Start of the youngest range of a size, or -1 if there is none or it does not meet the rest of the request. */
  offer(size: number, alignment: number, phase: number, low: number, high: number): number {
    if (size > LARGEST) return -1;
    const stack = this.#bySize[size]!;
    if (stack.length === 0) return -1;
    const start = stack[stack.length - 2]!;
    if (start < low || start + size > high) return -1;
    return alignment === 1 || (start - phase) % alignment === 0 ? start : -1;
  }

  /** Takes what was offered. @returns its handle */
  take(size: number): number {
    const stack = this.#bySize[size]!;
    const handle = stack.pop()!;
    stack.pop();
    this.#count--;
    return handle;
  }

  /** Gives all of them up. @returns their starts */
  clear(): number[] {
    this.#count = 0;
    return this.#bySize.flatMap((stack) => stack.splice(0).filter((_, i) => i % 2 === 0));
  }
}
