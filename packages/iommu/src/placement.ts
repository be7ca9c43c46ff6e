import type { Iova } from "@userpci/interface";
import type { IovaAllocator } from "./allocator.ts";
import { HUGE_PAGE, LARGE_PAGE, UNIT } from "./pages.ts";

/** What was asked of an address. */
export interface Wish {
  /** The widest address, in bits, that may be given. */
  readonly addressBits: number;
  /** The address itself, or undefined for one to be chosen. */
  readonly iova: Iova | undefined;
  /** Alignment in bytes, or undefined for one that lets large pages be used. */
  readonly alignment: number | undefined;
}

/** What an address is wanted for: a mapping to be, or something of that size. In bytes. */
export interface Shape extends Wish {
  readonly size: number;
  /** Offset in its memory. */
  readonly offset: number;
  readonly memory: { readonly pageSize: number };
}

/**
 * The address for something new in the table, marked as taken. Without an alignment of its own, 2 MiB and more lie in their
 * large pages as in the memory's, and 1 GiB and more where the memory has such pages.
 *
 * @param unit smallest page of the domain, in bytes
 * @throws PciError as {@link IovaAllocator.alloc} and {@link IovaAllocator.place}
 */
export function chooseAddress<T>(
  table: IovaAllocator<T>,
  holder: T,
  { size, offset, memory, addressBits, iova, alignment: wanted }: Shape,
  unit: number,
): Iova {
  const isPlain = addressBits === 64 && wanted === undefined && unit === UNIT;
  if (isPlain && iova === undefined && size < LARGE_PAGE) return table.alloc(size, holder);
  const alignment = Math.max(wanted ?? UNIT, unit);
  if (iova !== undefined) return table.place(iova, size, holder, { addressBits, alignment });
  const usual = size >= HUGE_PAGE && memory.pageSize >= HUGE_PAGE ? HUGE_PAGE : Math.max(LARGE_PAGE, unit);
  if (wanted !== undefined || size < usual) {
    return table.alloc(size, holder, { addressBits, alignment, preferredAlignment: alignment });
  }
  return table.alloc(size, holder, { addressBits, alignment, preferredAlignment: usual, phase: offset });
}
