/**
 * What Linux's sysfs and procfs say of PCI functions, IOMMU groups and who uses them.
 *
 * @packageDocumentation
 */
export { type AcsService, type AcsState, acsServices } from "./acs.ts";
export { PciAddress } from "./address.ts";
export { type AerCounter, type AerSeverity, aerSeverities, readAerCounters } from "./aer-counters.ts";
export { type Binding, type BindOptions, bind } from "./bind.ts";
export {
  type ConditionChange,
  type ConditionOptions,
  ConditionWatch,
  type ErrorsCounted,
  type LinkChanged,
  type LinkCondition,
} from "./condition.ts";
export { ConfigFile, type ConfigFileOptions } from "./config-file.ts";
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
} from "./holders.ts";
export { type LinkShortfall, linkShortfall, type PciLink, readLink } from "./link.ts";
export { type DeviceNodes, deviceNodes, type NodeStatus, readNodeStatus } from "./nodes.ts";
export { type PortType, portTypes } from "./port-type.ts";
export type { BindProgress, BindStep } from "./progress.ts";
export type { PciResource } from "./resource.ts";
export { type IsolationGap, type RootBus, readTopology, Topology, type TopologyNode } from "./topology.ts";
export type { TreeOptions } from "./tree.ts";
export { parseUevent, type Uevent } from "./uevent.ts";
export { type Release, unbind } from "./unbind.ts";
export { findUser, type SystemUser } from "./user.ts";
export { setVirtualFunctions } from "./virtual-functions.ts";
export { type UeventFilter, type UeventSource, type UeventsLost, watchUevents } from "./watch-uevents.ts";
