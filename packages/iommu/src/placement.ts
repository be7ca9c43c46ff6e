import type { Iova, MapOptions } from "@userpci/interface";
import type { IovaAllocator } from "./allocator.ts";
import { HUGE_PAGE, LARGE_PAGE, UNIT } from "./pages.ts";
import type { MappingPlan } from "./request.ts";

/** What an address is wanted for; all in bytes. */
export interface Shape {
  readonly size: number;
  /** Offset of what is mapped in its memory. */
  readonly phase: number;
  /** Page size of that memory. */
  readonly page: number;
  /** Smallest page of the domain. */
  readonly unit: number;
}

/** The shape of a mapping, in a domain with pages of `unit` bytes. */
export function shapeOf({ size, offset, memory }: MappingPlan, unit: number): Shape {
  return { size, phase: offset, page: memory.pageSize, unit };
}

/**
 * The address for something new in the table, marked as taken. Without an alignment of its own, 2 MiB and more lie in their
 * large pages as in the memory's, and 1 GiB and more where the memory has such pages.
 *
 * @throws PciError as {@link IovaAllocator.alloc} and {@link IovaAllocator.place}
 */
export function chooseAddress<T>(
  table: IovaAllocator<T>,
  holder: T,
  { size, phase, page, unit }: Shape,
  options: Pick<MapOptions, "addressBits" | "iova" | "alignment">,
): Iova {
  const { addressBits = 64, iova } = options;
  const alignment = Math.max(options.alignment ?? UNIT, unit);
  if (iova !== undefined) return table.place(iova, size, holder, { addressBits, alignment });
  const usual = size >= HUGE_PAGE && page >= HUGE_PAGE ? HUGE_PAGE : Math.max(LARGE_PAGE, unit);
  if (options.alignment !== undefined || size < usual) {
    return table.alloc(size, holder, { addressBits, alignment, preferredAlignment: alignment });
  }
  return table.alloc(size, holder, { addressBits, alignment, preferredAlignment: usual, phase });
}
