import type {
  BarDescriptionToBuild,
  CapabilityToBuild,
  ExtendedCapabilityToBuild,
  SpaceDescription,
} from "./description.ts";

/** The names that any kind of a description has. */
type NamesOf<T> = Readonly<Record<T extends unknown ? keyof T : never, true>>;

export const descriptionNames: NamesOf<SpaceDescription> = {
  layout: true,
  vendorId: true,
  deviceId: true,
  revisionId: true,
  classCode: true,
  subsystemVendorId: true,
  subsystemId: true,
  multiFunction: true,
  interruptPin: true,
  size: true,
  header: true,
  bars: true,
  rom: true,
  capabilities: true,
  extendedCapabilities: true,
};

export const barNames: NamesOf<BarDescriptionToBuild> = {
  kind: true,
  size: true,
  prefetchable: true,
  address: true,
};

export const romNames: NamesOf<SpaceDescription["rom"] & object> = {
  size: true,
  address: true,
  enable: true,
};

const standard: NamesOf<CapabilityToBuild> = {
  name: true,
  id: true,
  offset: true,
  length: true,
  bytes: true,
  registers: true,
  lists: true,
};

const extended: NamesOf<ExtendedCapabilityToBuild> = { ...standard, version: true };

/** By the list that capabilities are in. */
export const capabilityNames = { capabilities: standard, extendedCapabilities: extended } as const;
