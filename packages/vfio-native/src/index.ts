/**
 * Linux VFIO for Node.js: the kernel backend `vfioGroup()` over a thin addon of system calls.
 *
 * @packageDocumentation
 */
export { adoptIrqTarget } from "./adopt-irq-target.ts";
export { vfioGroup } from "./group-backend.ts";
export type { IrqAction, KernelBackend, KernelDevice } from "./kernel-device.ts";
export { MemfdSource } from "./memfd-memory.ts";
export { type Memlock, readMemlock } from "./memlock.ts";
