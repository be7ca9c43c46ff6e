/**
 * Memory that a PCI device may touch: allocated, mapped and owned.
 *
 * @packageDocumentation
 */
export { DmaBuffer } from "./buffer.ts";
export { Dma, type DmaAllocOptions, type DmaDevice, type DmaMapOptions } from "./dma.ts";
