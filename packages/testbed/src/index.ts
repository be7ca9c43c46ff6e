export { type BindingTools, provisionBindingTools } from "./binding-tools.ts";
export { boot } from "./boot.ts";
export type { ExitStatus, User } from "./command.ts";
export { DEVICES, type DeviceKind, deviceArguments } from "./device.ts";
export type { DmaFault } from "./dma-fault.ts";
export {
  ERROR_CODES,
  TestbedError,
  type TestbedErrorCode,
  type TestbedErrorData,
  type TestbedErrorDetails,
} from "./error.ts";
export { type KernelHeaders, provisionHeaders } from "./headers.ts";
export { iommufdKernel, type KernelOptions } from "./iommufd-kernel.ts";
export { type NewestQemu, provisionNewestQemu } from "./newest-qemu.ts";
export { type BootOptions, DEFAULT_IOMMU } from "./options.ts";
export { saveOverlay } from "./overlay.ts";
export type { Kernel, Parts } from "./parts.ts";
export { type Pciutils, provisionPciutils } from "./pciutils.ts";
export type { VmProcess } from "./process.ts";
export { type Program, type ProgramName, provisionProgram } from "./programs.ts";
export { type OnProgress, progressToStderr } from "./progress.ts";
export { type ProvisionOptions, provision } from "./provision.ts";
export { connect, type OnResult } from "./remote-vm.ts";
export { guestReport } from "./run.ts";
export { VmServer } from "./server.ts";
export type { Command } from "./tool.ts";
export { provisionUdev, type Udev } from "./udev.ts";
export type { Exchange, RunOptions, RunResult, SpawnOptions, Vm } from "./vm.ts";
