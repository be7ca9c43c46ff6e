/**
 * PCI configuration space as data: typed registers and capabilities over any source of bytes.
 *
 * @packageDocumentation
 */
export { type Bar, type BarKind, decodeBars } from "./bars.ts";
export { bytesRegion, readBytes } from "./bytes.ts";
export type { EntryList } from "./capabilities/entries.ts";
export {
  CapabilityBase,
  type CapabilityKind,
  type CapabilityPlace,
  type CapabilitySpec,
  type CapabilityView,
  type LengthRule,
} from "./capability.ts";
export { type2Header } from "./cardbus-header.ts";
export { type CheckOptions, check } from "./check.ts";
export { type ClassRow, className, classTable } from "./classes.ts";
export {
  type AnyCapability,
  type AnyExtendedCapability,
  type BridgeHeader,
  type CardbusHeader,
  ConfigSpace,
  configOf,
  type EndpointHeader,
  type UnknownCapability,
} from "./config.ts";
export { fromBytes, toBytes } from "./content.ts";
export {
  type BarDescription,
  type CapabilityDescription,
  type ConfigDescription,
  type DescribeOptions,
  describe,
} from "./describe.ts";
export {
  type BytesChange,
  type CapabilityChange,
  type Change,
  type ChangePlace,
  diff,
  type FieldChange,
} from "./diff.ts";
export { type ExtendedCapability, type ExtendedCapabilityName, extendedCapabilities } from "./extended.ts";
export { formatConfig } from "./format.ts";
export { commonHeader, type0Header, type1Header } from "./header.ts";
export { type HeaderLayout, type HeaderLayoutSpec, headerLayouts } from "./header-layout.ts";
export { type BarSpan, type MsixLayout, msixLayout, type VectorCounts, vectorCounts } from "./interrupts.ts";
export { type ConfigJson, fromJSON, toJSON } from "./json.ts";
export type { ListCount } from "./list-count.ts";
export { ConfigMap, type Owner } from "./map.ts";
export { type Problem, type ProblemCode, problemCodes, type Report } from "./problem.ts";
export type {
  FieldChanges,
  FieldValue,
  FieldValues,
  FormValue,
  Register,
  RegisterAccess,
  WritableFields,
} from "./register.ts";
export type { ListDescriptions, RegisterDescription, RegisterDescriptions } from "./register-description.ts";
export { describeRom, type RomDescription, type RomImage, type RomKind } from "./rom.ts";
export { snapshotOf } from "./snapshot.ts";
export { type Capability, type CapabilityName, standardCapabilities } from "./standard.ts";
export type {
  Access,
  FieldForm,
  FieldSpec,
  FieldsSpec,
  FieldTable,
  RegisterPlace,
  RegisterSpec,
  RegisterTable,
  ValueSpec,
  Width,
  Words,
  WritableAccess,
} from "./table.ts";
export {
  type ListSpec,
  type Lists,
  type ListTable,
  type Maybe,
  type ReadonlyKeys,
  RegisterSet,
  type Registers,
  type RegisterValue,
  type Span,
  type Traits,
} from "./view.ts";
export type { VpdEnd } from "./vpd.ts";
export type {
  VpdDescription,
  VpdFieldDescription,
  VpdItemDescription,
  VpdText,
} from "./vpd-description.ts";
