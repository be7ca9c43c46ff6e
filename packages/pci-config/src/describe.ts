import { isPciError } from "@userpci/interface";
import { type BarKind, decodeBars } from "./bars.ts";
import { readBytes } from "./bytes.ts";
import type { CapabilityBase, CapabilityKind, CapabilitySpec } from "./capability.ts";
import { className } from "./classes.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { extendedCapabilities } from "./extended.ts";
import { commonHeader, HEADER_SIZE, type0Header, type1Header } from "./header.ts";
import { type MsixLayout, msixLayout, type VectorCounts, vectorCounts } from "./interrupts.ts";
import { hex, type Problem } from "./problem.ts";
import { decodeField, readRegister } from "./register.ts";
import { snapshotOf } from "./snapshot.ts";
import { standardCapabilities } from "./standard.ts";
import type { RegisterSpec, RegisterTable } from "./table.ts";
import { isInside, type Lists, type ListTable, placeOf, RegisterSet, type Span } from "./view.ts";

/** A register, raw and decoded. */
export interface RegisterDescription {
  /** Byte of the config space. */
  readonly offset: number;
  /** Bits. */
  readonly width: number;
  readonly raw: number;
  /** Its fields, if it is made of fields. */
  readonly fields?: Readonly<Record<string, boolean | number>>;
  /** Words for those values of fields that the specification has words for. */
  readonly words?: Readonly<Record<string, string>>;
}

/** Registers by name. */
export type RegisterDescriptions = Readonly<Record<string, RegisterDescription>>;

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
  /** Two hexadecimal digits a byte. */
  readonly bytes: string;
  readonly registers: RegisterDescriptions;
}

/** A config space as plain data, fit for JSON. Numbers are as the device has them; words stand beside them. */
export interface ConfigDescription {
  /** Bytes of the space. */
  readonly size: number;
  readonly vendorId: number;
  readonly deviceId: number;
  /** Undefined where the header has none, as a bridge's. */
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
  readonly revisionId: number;
  /** 24 bits. */
  readonly classCode: number;
  readonly className: string;
  readonly header: {
    readonly layout: "endpoint" | "bridge" | "other";
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
  readonly problems: readonly Problem[];
}

/** What {@link describe} may be told. */
export interface DescribeOptions {
  /** Bytes of each BAR by its number, 0 for none; see {@link decodeBars}. */
  readonly barSizes?: readonly number[];
}

/**
 * Decodes everything into plain data. Each dword is read at most once, and only those of the header and of capabilities.
 *
 * @throws PciError what the region throws, and `ERR_INVALID_ARGUMENT` for a wrong BAR size; never for its bytes
 */
export function describe(config: ConfigSpace, options: DescribeOptions = {}): ConfigDescription {
  const still = configOf(snapshotOf(config.region));
  const { classCode } = still;
  return {
    size: still.size,
    vendorId: still.vendorId,
    deviceId: still.deviceId,
    ...subsystemOf(still),
    revisionId: still.revisionId,
    classCode,
    className: className(classCode),
    header: describeHeader(still),
    bars: decodeBars(still, options.barSizes).map((bar) => ({ ...bar, address: hex(bar.address, 8) })),
    ...describeInterrupts(still),
    capabilities: still.capabilities().map(describeCapability),
    extendedCapabilities: still.extendedCapabilities().map(describeCapability),
    problems: still.problems,
  };
}

function subsystemOf(config: ConfigSpace): Pick<ConfigDescription, "subsystemVendorId" | "subsystemId"> {
  const { endpoint } = config;
  if (!endpoint) return {};
  return { subsystemVendorId: endpoint.subsystemVendorId, subsystemId: endpoint.subsystemId };
}

/** Vectors and the place of the MSI-X table, where the capabilities can be read and are whole and sensible. */
function describeInterrupts(config: ConfigSpace): Pick<ConfigDescription, "vectors" | "msix"> {
  if (config.problems.some(({ code }) => code === "short-region")) return {};
  const vectors = unlessMalformed(() => vectorCounts(config));
  const msix = unlessMalformed(() => {
    const capability = config.find("msix");
    return capability && msixLayout(capability);
  });
  return { ...(vectors && { vectors }), ...(msix && { msix }) };
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
  const { endpoint, bridge } = config;
  const registers = describeRegisters(config, commonHeader);
  if (endpoint) Object.assign(registers, describeRegisters(endpoint, type0Header));
  if (bridge) Object.assign(registers, describeRegisters(bridge, type1Header));
  return {
    layout: endpoint ? "endpoint" : bridge ? "bridge" : "other",
    bytes: hexBytes(readBytes(config.region, 0, HEADER_SIZE)),
    registers,
  };
}

const tables: Readonly<Record<CapabilityKind, Readonly<Record<string, CapabilitySpec>>>> = {
  standard: standardCapabilities,
  extended: extendedCapabilities,
};

function describeCapability(capability: CapabilityBase): CapabilityDescription {
  const { kind, name, title, id, version, offset, length } = capability;
  return {
    kind,
    name,
    title,
    id,
    version,
    offset,
    length,
    bytes: hexBytes(capability.bytes()),
    registers: describeAll(capability, tables[kind][name]),
  };
}

/** The registers of a capability, those of its lists by names such as `streams[2].control`. */
function describeAll(capability: CapabilityBase, spec: CapabilitySpec | undefined): RegisterDescriptions {
  if (spec === undefined) return {};
  const descriptions = describeRegisters(capability, spec.registers);
  for (const [list, { registers }] of Object.entries(spec.lists)) {
    const sets = (capability as unknown as Lists<ListTable>)[list]!;
    for (const [turn, set] of sets.entries()) {
      for (const [name, description] of Object.entries(describeRegisters(set, registers))) {
        descriptions[`${list}[${turn}].${name}`] = description;
      }
    }
  }
  return descriptions;
}

/** Describes the registers of a table that are there and not cut off. */
function describeRegisters(set: RegisterSet, table: RegisterTable): Record<string, RegisterDescription> {
  const span = RegisterSet.spanOf(set);
  const descriptions: Record<string, RegisterDescription> = {};
  for (const [name, spec] of Object.entries(table)) {
    const place = placeOf(span, spec);
    if (place === undefined || !isInside(span, spec, place)) continue;
    descriptions[name] = describeRegister(span, spec, place);
  }
  return descriptions;
}

function describeRegister(span: Span, spec: RegisterSpec, place: number): RegisterDescription {
  const raw = readRegister(span.region, spec.width, place);
  const plain = { offset: place, width: spec.width, raw };
  if (spec.kind === "value") return plain;
  const fields: Record<string, boolean | number> = {};
  const words: Record<string, string> = {};
  for (const [name, field] of Object.entries(spec.fields)) {
    const value = decodeField(field, raw);
    fields[name] = value;
    const word = field.words?.[Number(value)];
    if (word !== undefined) words[name] = word;
  }
  return { ...plain, fields, ...(Object.keys(words).length > 0 && { words }) };
}

function hexBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
