/**
 * Driver for edu, QEMU's teaching device.
 *
 * @packageDocumentation
 */
export type { Completion } from "./completion.ts";
export { EDU_ID, Edu, type WaitOptions } from "./edu.ts";
export {
  cause,
  DMA_BITS,
  deviceBuffer,
  dmaCommand,
  eduRegisters,
  IDENTIFICATION_MAGIC,
  register,
  status,
} from "./registers.ts";
