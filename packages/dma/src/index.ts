/**
 * Memory that a PCI device may touch: allocated, mapped and owned; whole, or cut into pools and rings.
 *
 * @packageDocumentation
 */
export { DmaBuffer } from "./buffer.ts";
export type { ByteRange } from "./byte-ranges.ts";
export { Dma } from "./dma.ts";
export type { DmaAllocOptions, DmaDevice } from "./dma-options.ts";
export type { DmaMapOptions, DmaMappable } from "./mappable.ts";
export { adoptPool, type DmaPool, type DmaPoolOptions, type SharedPool } from "./pool.ts";
export { adoptRing, type DmaRing, type DmaRingOptions, type SharedRing } from "./ring.ts";
export { mappedRanges, scatter } from "./scatter.ts";
export { ScatterList, type SegmentArrays } from "./scatter-list.ts";
export type { DmaRange, DmaSegment, DmaSource, SegmentLimits } from "./segments.ts";
export type { MapSharedMemory } from "./shared-buffer.ts";
export type { DmaUsage } from "./usage.ts";
