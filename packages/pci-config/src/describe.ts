import { isPciError } from "@userpci/interface";
import { type BarKind, decodeBars } from "./bars.ts";
import { hexDigits, readBytes } from "./bytes.ts";
import type { CapabilityBase, CapabilityKind, CapabilitySpec } from "./capability.ts";
import { className } from "./classes.ts";
import type { ConfigSpace } from "./config.ts";
import { extendedCapabilities } from "./extended.ts";
import { commonHeader } from "./header.ts";
import { type HeaderLayout, headerLayouts, headerLength } from "./header-layout.ts";
import { countVectors, type MsixLayout, msixLayout, type VectorCounts } from "./interrupts.ts";
import { hex, type Problem } from "./problem.ts";
import {
  describeLists,
  describeRegisters,
  type ListDescriptions,
  type RegisterDescription,
  type RegisterDescriptions,
} from "./register-description.ts";
import { type Capability, standardCapabilities } from "./standard.ts";
import { stillOf } from "./still.ts";
import { survey } from "./survey.ts";
import type { RegisterPlace } from "./table.ts";
import { RegisterSet } from "./view.ts";
import { describeVpd, type VpdDescription } from "./vpd-description.ts";
import { EXTENDED_SIZE } from "./walk.ts";

/** A base address register. */
export interface BarDescription {
  readonly index: number;
  readonly kind: BarKind;
  readonly prefetchable: boolean;
  /** `0x` and hexadecimal digits: it may have 64 bits. */
  readonly address: string;
  readonly size?: number;
}

/** A capability, raw and decoded. */
export interface CapabilityDescription {
  readonly kind: CapabilityKind;
  readonly name: string;
  readonly title: string;
  readonly id: number;
  readonly version: number;
  readonly offset: number;
  readonly length: number;
  /** Two hexadecimal digits a byte; 0 where reading has effects. */
  readonly bytes: string;
  /** Without those whose reading has effects, see `reads` of {@link RegisterPlace}. */
  readonly registers: RegisterDescriptions;
  /** Such as `lists.channels[2].control` of virtual channels; a list of which it has nothing is left out. */
  readonly lists: ListDescriptions;
}

/** A config space as plain data, fit for JSON. Numbers are as the device has them; words stand beside them. */
export interface ConfigDescription {
  /** Bytes of the space. */
  readonly size: number;
  readonly vendorId: number;
  readonly deviceId: number;
  /** Undefined where the header has none, as a bridge's, or is cut off before it. */
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
  readonly revisionId: number;
  /** 24 bits. */
  readonly classCode: number;
  readonly className: string;
  readonly header: {
    readonly layout: HeaderLayout | "other";
    readonly bytes: string;
    readonly registers: RegisterDescriptions;
  };
  readonly bars: readonly BarDescription[];
  /** Undefined if a capability that tells it cannot be read or is cut off. */
  readonly vectors?: VectorCounts;
  /** Undefined without MSI-X, and if it is cut off or names a BAR that does not exist. */
  readonly msix?: MsixLayout;
  readonly capabilities: readonly CapabilityDescription[];
  readonly extendedCapabilities: readonly CapabilityDescription[];
  /** Undefined unless its bytes were given. */
  readonly vpd?: VpdDescription;
  readonly problems: readonly Problem[];
}

/** What {@link describe} may be told. */
export interface DescribeOptions {
  /** Bytes of each BAR by its number, 0 for none; see {@link decodeBars}. */
  readonly barSizes?: readonly number[];
  /** What the device keeps behind its VPD capability, from address 0, such as the `vpd` file of sysfs; the space has no byte of it. */
  readonly vpd?: Uint8Array;
}

/**
 * Decodes everything into plain data. Each dword is read at most once, and only those of the header and of capabilities. Registers
 * whose reading has effects are neither read nor described: ask for them by their property, as `camData` of system firmware
 * intermediary, whose reading sends a request behind the port. Where capabilities run into each other, the lists of one are described
 * up to the start of the next, so that no space takes long.
 *
 * @throws PciError what the region throws, and `ERR_INVALID_ARGUMENT` for a wrong BAR size or no bytes of VPD; never for its bytes
 */
export function describe(config: ConfigSpace, options: DescribeOptions = {}): ConfigDescription {
  return describeStill(stillOf(config), options);
}

/** As {@link describe}, of bytes that do not change meanwhile. */
export function describeStill(still: ConfigSpace, options: DescribeOptions): ConfigDescription {
  const { standard, extended, problems } = survey(still);
  const { classCode } = still;
  const header = describeHeader(still);
  return {
    size: still.size,
    vendorId: still.vendorId,
    deviceId: still.deviceId,
    ...subsystemOf(header.registers),
    revisionId: still.revisionId,
    classCode,
    className: className(classCode),
    header,
    bars: decodeBars(still, options.barSizes).map((bar) => ({ ...bar, address: hex(bar.address, 8) })),
    ...describeInterrupts(still.interruptPin, standard, problems),
    capabilities: describeCapabilities(standard),
    extendedCapabilities: describeCapabilities(extended),
    ...(options.vpd !== undefined && { vpd: describeVpd(options.vpd) }),
    problems,
  };
}

function subsystemOf(
  registers: RegisterDescriptions,
): Pick<ConfigDescription, "subsystemVendorId" | "subsystemId"> {
  const { subsystemVendorId: vendor, subsystemId: device } = registers;
  return vendor && device ? { subsystemVendorId: vendor.raw, subsystemId: device.raw } : {};
}

/** Vectors and the place of the MSI-X table, where the capabilities can be read and are whole and sensible. */
function describeInterrupts(
  pin: number,
  capabilities: readonly CapabilityBase[],
  problems: readonly Problem[],
): Pick<ConfigDescription, "vectors" | "msix"> {
  if (problems.some(({ code }) => code === "short-region")) return {};
  // Their classes were made of the rows that these names have in the table.
  const find = (wanted: "msi" | "msix") => capabilities.find(({ name }) => name === wanted);
  const msi = find("msi") as Capability<"msi"> | undefined;
  const msix = find("msix") as Capability<"msix"> | undefined;
  const vectors = unlessMalformed(() => countVectors(pin, msi, msix));
  const layout = msix && unlessMalformed(() => msixLayout(msix));
  return { ...(vectors && { vectors }), ...(layout && { msix: layout }) };
}

function unlessMalformed<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (isPciError(error, "ERR_CAPABILITY")) return undefined;
    throw error;
  }
}

function describeHeader(config: ConfigSpace): ConfigDescription["header"] {
  const { region, layout } = config;
  const length = headerLength(region);
  const span = { ...RegisterSet.spanOf(config), length };
  const registers: Record<string, RegisterDescription> = {};
  describeRegisters(span, commonHeader, registers);
  if (layout) describeRegisters(span, headerLayouts[layout].registers, registers);
  return { layout: layout ?? "other", bytes: hexDigits(readBytes(region, 0, length)), registers };
}

const tables: Readonly<Record<CapabilityKind, Readonly<Record<string, CapabilitySpec>>>> = {
  standard: standardCapabilities,
  extended: extendedCapabilities,
};

/** Each capability, its lists up to the start of the next one in the space. */
function describeCapabilities(capabilities: readonly CapabilityBase[]): CapabilityDescription[] {
  const starts = Uint16Array.from(capabilities, ({ offset }) => offset).sort();
  const ends = new Map(Array.from(starts, (start, index) => [start, starts[index + 1] ?? EXTENDED_SIZE]));
  return capabilities.map((capability) => describeCapability(capability, ends.get(capability.offset)!));
}

function describeCapability(capability: CapabilityBase, end: number): CapabilityDescription {
  const { kind, name, title, id, version, offset, length } = capability;
  const spec = tables[kind][name];
  const span = RegisterSet.spanOf(capability);
  return {
    kind,
    name,
    title,
    id,
    version,
    offset,
    length,
    bytes: hexDigits(capability.bytes()),
    registers: spec ? describeRegisters(span, spec.registers) : {},
    lists: spec ? describeLists(span, spec.lists, end) : {},
  };
}
