/**
 * Contracts and errors of userpci: what a backend is, what a driver may rely on. No native code, no dependency.
 *
 * @packageDocumentation
 */
export { accessError, valueError } from "./access.ts";
export { AccessGate } from "./access-gate.ts";
export type {
  Backend,
  BackendDevice,
  DeviceInfo,
  DomainRequest,
  FeatureOperation,
  HotResetDependent,
  OpenOptions,
} from "./backend.ts";
export {
  type CheckedType,
  checkAligned,
  checkChoice,
  checkInteger,
  checkMethods,
  checkNames,
  checkPowerOfTwo,
  checkType,
  formatValue,
} from "./check.ts";
export { checkVectorArray, checkVectors } from "./check-vectors.ts";
export { CountedMemory } from "./counted-memory.ts";
export type { DirtyLog } from "./dirty.ts";
export type {
  DmaDirection,
  DmaMapper,
  DmaMapping,
  DomainAttachment,
  DomainShare,
  IommuDomain,
  IovaReport,
  IovaReservation,
  MapOptions,
  MapperDescriptor,
  MapperLimits,
  MappingBudget,
  MappingLife,
  MappingNeighbour,
  MapRequest,
  ReserveOptions,
} from "./domain.ts";
export {
  DeviceGoneError,
  type ErrorCode,
  errorCodes,
  isPciError,
  PciError,
  type PciErrorOptions,
} from "./errors.ts";
export { Failures } from "./failures.ts";
export {
  type DeviceFeatures,
  deviceFeatures,
  type FeatureName,
  type FeatureState,
  featureMissing,
  type OptionalFeature,
  optionalFeatures,
} from "./features.ts";
export { type Iova, type IovaRange, iovaHi, iovaLo, MAX_IOVA, toIova } from "./iova.ts";
export { type IrqInfo, type IrqKind, type IrqTarget, irqKinds, type SharedIrqTarget } from "./irq.ts";
export type {
  AdoptOptions,
  DmaBytes,
  DmaFile,
  DmaFileOptions,
  DmaMemory,
  MemoryOptions,
  MemorySource,
  SharedMemory,
  SharedMemoryView,
} from "./memory.ts";
export { checkOpenOptions } from "./open-options.ts";
export { mayPin, memlockError, type PinBudget } from "./pins.ts";
export { type OwnedRegion, type Region, type RegionArea, type RegionInfo, regionIndex } from "./region.ts";
export { resetHints } from "./reset-hints.ts";
export { UnderWay } from "./under-way.ts";
