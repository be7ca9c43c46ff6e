/**
 * PCI devices in TypeScript: describe one, host it, and drive it in the process.
 *
 * @packageDocumentation
 */
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
