/**
 * Driver of the small network interface.
 *
 * @packageDocumentation
 */
export { Nic } from "./nic.ts";
export type { NicOptions, NicStatistics, NicWait } from "./options.ts";
export type { FrameListener } from "./receive-ring.ts";
export { NIC_ID, nicDescriptor, nicRegisters } from "./registers.ts";
