/**
 * PCI devices in TypeScript: describe one, host it, and drive it in the process.
 *
 * @packageDocumentation
 */

export type { EmulatedBackend } from "./emulated/backend.ts";
export type { EmulatedDevice } from "./emulated/device.ts";
export { emulated } from "./emulated/emulated.ts";
export {
  type FaultKind,
  type FaultName,
  type FaultRate,
  type Faults,
  faultKinds,
  type HappenedFault,
  type Occasion,
  type OccasionOf,
  occasions,
  type ScriptedFault,
} from "./emulated/faults/kinds.ts";
export type { FaultPlan } from "./emulated/faults/plan.ts";
export type { EmulatedFunction } from "./emulated/function.ts";
export { HeapSource } from "./emulated/heap-memory.ts";
export type { Surroundings } from "./emulated/irq-target.ts";
export { EmulatedMachine, type EmulatedModels } from "./emulated/machine.ts";
export { hostFunction } from "./host/host.ts";
export type {
  DmaPort,
  HostedFunction,
  HostedMigration,
  HostOptions,
  IrqSink,
  MappableMemory,
} from "./host/hosted-function.ts";
export type {
  AccessHandler,
  AccessWidth,
  BarMemory,
  BarModel,
  BarNumber,
  DeviceModel,
  DmaRange,
  ModelConfig,
  ModelDevice,
  ModelDma,
  ModelError,
  ModelInstance,
  ModelInterrupts,
  ModelTime,
  Pause,
  ResetCause,
  Task,
} from "./model.ts";
export * from "./registers/index.ts";
export { taskWhile } from "./task-while.ts";
