/**
 * Linux VFIO for Node.js: the kernel backends `vfioGroup()` and `vfioCdev()` over a thin addon of system calls.
 *
 * @packageDocumentation
 */
export { adoptDomain } from "./adopt-domain.ts";
export { adoptIrqTarget } from "./adopt-irq-target.ts";
export { type CdevOptions, vfioCdev } from "./cdev-backend.ts";
export { DeviceIommu } from "./device-iommu.ts";
export { DmaLog } from "./dma-log.ts";
export type { DomainReceiver } from "./domain-receiver.ts";
export { receiveDomain, sendDomain } from "./domain-transfer.ts";
export { FaultQueue, type FaultWaitOptions, type PageRequest } from "./fault-queue.ts";
export { vfioGroup } from "./group-backend.ts";
export { Ioas } from "./ioas.ts";
export { IoasMapper } from "./ioas-mapper.ts";
export type { IommuHardware } from "./iommu-hardware.ts";
export { Iommufd, type MemlockAccounting } from "./iommufd.ts";
export type { IrqAction, KernelBackend, KernelDevice } from "./kernel-device.ts";
export { KernelFeatures } from "./kernel-features.ts";
export { LowPower } from "./low-power.ts";
export { mapSharedMemory } from "./map-shared-memory.ts";
export { MemfdSource, type RenewableMemory } from "./memfd-memory.ts";
export { type Memlock, readMemlock, readUserMemlock } from "./memlock.ts";
export { Migration, type MigrationState } from "./migration.ts";
export { MigrationFile } from "./migration-file.ts";
export { type DirtyOptions, PageTable, type PageTableOptions } from "./page-table.ts";
export { openResource, type ResourceOptions } from "./resource-region.ts";
export type { TransferOptions } from "./transfer-wait.ts";
