/**
 * I/O virtual addresses: sets of ranges, an allocator, the domain handle over mappers, a software page table.
 *
 * @packageDocumentation
 */
export {
  type IovaAllocation,
  IovaAllocator,
  type IovaAllocatorOptions,
} from "./allocator.ts";
export { checkDirection } from "./direction.ts";
export { createDomain } from "./domain.ts";
export type { DomainOptions } from "./domain-options.ts";
export type { IovaRequest } from "./iova-request.ts";
export { type DmaFault, MemoryMapper, type MemoryMapperOptions, type Translation } from "./memory-mapper.ts";
export {
  formatRange,
  formatRanges,
  intersectRanges,
  limitRanges,
  normaliseRanges,
  rangesContain,
  subtractRanges,
} from "./ranges.ts";
export { holdWindow } from "./share.ts";
