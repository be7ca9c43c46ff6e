/**
 * Linux VFIO for Node.js: the kernel backends `vfioGroup()` and `vfioCdev()` over a thin addon of system calls.
 *
 * @packageDocumentation
 */
export { adoptIrqTarget } from "./adopt-irq-target.ts";
export { type CdevOptions, vfioCdev } from "./cdev-backend.ts";
export { vfioGroup } from "./group-backend.ts";
export type { MemlockAccounting } from "./iommufd.ts";
export type { IrqAction, KernelBackend, KernelDevice } from "./kernel-device.ts";
export { MemfdSource } from "./memfd-memory.ts";
export { type Memlock, readMemlock, readUserMemlock } from "./memlock.ts";
