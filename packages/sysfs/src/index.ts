/**
 * What Linux's sysfs and procfs say of PCI functions, IOMMU groups and who uses them.
 *
 * @packageDocumentation
 */
export { type AcsService, type AcsState, acsServices } from "./acs.ts";
export { PciAddress } from "./address.ts";
export { type AerCounter, type AerSeverity, aerSeverities, readAerCounters } from "./aer-counters.ts";
export { keepAwake } from "./awake.ts";
export { type Binding, type BindOptions, bind, bindGroup } from "./bind.ts";
export {
  type ConditionChange,
  type ConditionOptions,
  ConditionWatch,
  type ErrorsCounted,
  type LinkChanged,
  type LinkCondition,
} from "./condition.ts";
export { ConfigFile, type ConfigFileOptions } from "./config-file.ts";
export {
  type ConfigChange,
  type ConfigJournal,
  type ConfigWrite,
  changeConfig,
  forgetConfigChange,
  lastConfigChange,
  noteConfigChange,
  readConfigChanges,
} from "./config-journal.ts";
export type { DriverOptions } from "./driver.ts";
export { type FunctionFilter, findFunction, findFunctions, listFunctions } from "./find.ts";
export { type PciFunction, readDriverOverride } from "./function.ts";
export {
  explainGroup,
  type GroupMember,
  type IommuGroup,
  isVfioDriver,
  listGroups,
  type ReservedRegion,
  readGroup,
} from "./group.ts";
export {
  describeHolders,
  endHolders,
  findHolders,
  findHoldersSync,
  type Holder,
  type HolderReport,
  hasProcesses,
} from "./holders.ts";
export { readInterfaces } from "./interfaces.ts";
export type { Doing } from "./journal.ts";
export { type LinkShortfall, linkShortfall, type PciLink, readLink } from "./link.ts";
export { type DeviceNodes, deviceNodes, type NodeStatus, readNodeStatus } from "./nodes.ts";
export { type Binder, type BindingOrigin, bindingOrigin } from "./origin.ts";
export {
  type BindingPlan,
  type PlannedFunction,
  type PlanOptions,
  planBinding,
  type Refusal,
} from "./plan.ts";
export { planRelease, planRestore, type ReleasePlan } from "./plan-release.ts";
export { commandOf, type PlannedStep } from "./planned-step.ts";
export { type PortType, portTypes } from "./port-type.ts";
export { type BindProgress, type BindStep, stepTitles } from "./progress.ts";
export {
  planReset,
  type ResetNeighbour,
  type ResetOptions,
  type ResetPlan,
  resetFunction,
} from "./reset.ts";
export type { PciResource } from "./resource.ts";
export { type Restoration, type Restored, type RestoreOptions, restore } from "./restore.ts";
export { findRisks, inUse } from "./risks/find-risks.ts";
export { freeingCommands } from "./risks/free-group.ts";
export type { Risk, RiskKind } from "./risks/risk.ts";
export { type RomOptions, readRom } from "./rom.ts";
export { type IsolationGap, type RootBus, readTopology, Topology, type TopologyNode } from "./topology.ts";
export type { TreeOptions } from "./tree.ts";
export { parseUevent, type Uevent } from "./uevent.ts";
export { type Release, unbind } from "./unbind.ts";
export { findUser, type SystemUser } from "./user.ts";
export { setVirtualFunctions } from "./virtual-functions.ts";
export { type UeventFilter, type UeventSource, type UeventsLost, watchUevents } from "./watch-uevents.ts";
