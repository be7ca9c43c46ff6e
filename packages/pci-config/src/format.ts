import type { BarDescription, CapabilityDescription, ConfigDescription } from "./describe.ts";
import { hex } from "./problem.ts";
import type { ListDescriptions, RegisterDescription, RegisterDescriptions } from "./register-description.ts";
import type { VpdItemDescription, VpdText } from "./vpd-description.ts";

/** Header registers that the first lines say in another way, or that mean nothing to a reader. */
const saidElsewhere = new Set([
  "vendorId",
  "deviceId",
  "revisionId",
  "programmingInterface",
  "subClass",
  "baseClass",
  "headerType",
  "interruptLine",
  "interruptPin",
  "capabilitiesPointer",
  "subsystemVendorId",
  "subsystemId",
  "bar0",
  "bar1",
  "bar2",
  "bar3",
  "bar4",
  "bar5",
]);

/**
 * A description as lines of text for people: ids, header, BARs, capabilities, problems. Header registers that are 0 are
 * left out. The layout may change from version to version; programs take {@link ConfigDescription} itself.
 */
export function formatConfig(description: ConfigDescription): string[] {
  const { bars, vectors, capabilities, extendedCapabilities, vpd, problems } = description;
  return [
    ...formatIdentity(description),
    ...formatRegisters(shownHeader(description.header.registers)),
    ...formatPin(description.header.registers),
    ...bars.map(formatBar),
    ...(vectors ? [`vectors  INTx ${vectors.intx}, MSI ${vectors.msi}, MSI-X ${vectors.msix}`] : []),
    ...[...capabilities, ...extendedCapabilities].flatMap(formatCapability),
    ...(vpd ? vpd.items.flatMap(formatVpd) : []),
    ...problems.map(({ severity, message }) => `${severity}  ${message}`),
  ];
}

function formatIdentity(description: ConfigDescription): string[] {
  const { vendorId, deviceId, subsystemVendorId, subsystemId, revisionId, classCode } = description;
  const lines = [
    `${pair(vendorId, deviceId)}  ${description.className} (${digits(classCode, 6)}), revision ${digits(revisionId, 2)}, ${description.header.layout}, ${description.size} bytes`,
  ];
  if (subsystemVendorId && subsystemId !== undefined) {
    lines.push(`subsystem  ${pair(subsystemVendorId, subsystemId)}`);
  }
  return lines;
}

function shownHeader(registers: RegisterDescriptions): RegisterDescriptions {
  const shown = ([name, { raw }]: [string, RegisterDescription]) => raw !== 0 && !saidElsewhere.has(name);
  return Object.fromEntries(Object.entries(registers).filter(shown));
}

function formatPin({ interruptPin, interruptLine }: RegisterDescriptions): string[] {
  if (!interruptPin || interruptPin.raw < 1 || interruptPin.raw > 4) return [];
  return [`interrupt  pin ${"ABCD"[interruptPin.raw - 1]}, line ${interruptLine?.raw}`];
}

function formatBar({ index, kind, prefetchable, address, size }: BarDescription): string {
  const words = [kind, "at", address, ...(prefetchable ? ["prefetchable"] : [])];
  return `bar ${index}  ${words.join(" ")}${size === undefined ? "" : `, ${formatSize(size)}`}`;
}

const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes in the largest unit that divides it. */
function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value > 0 && value % 1024 === 0 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value} ${units[unit]}`;
}

function formatCapability(capability: CapabilityDescription): string[] {
  const { kind, name, title, id, version, offset, length, bytes, registers, lists } = capability;
  const wide = kind === "extended";
  const place = `${hex(offset, wide ? 3 : 2)}, ${length} bytes${wide ? `, version ${version}` : ""}`;
  const what = name === "unknown" ? `unknown capability ${hex(id, wide ? 4 : 2)}` : `${title} (${name})`;
  const decoded = [...formatRegisters(registers), ...formatLists(lists)];
  const body = decoded.length > 0 ? decoded : [spaced(bytes)];
  return [`${what} at ${place}`, ...body.map((line) => `  ${line}`)];
}

function formatVpd(item: VpdItemDescription): string[] {
  if (item.kind === "name") return [`vital product data  ${vpdText(item)}`];
  const title = item.writable ? "vital product data, writable" : "vital product data, read-only";
  return [title, ...item.fields.map((field) => `  ${field.keyword}  ${vpdText(field)}`)];
}

const vpdText = ({ text, bytes }: VpdText): string => text ?? spaced(bytes);

/** The registers of lists, each with its list and turn before its name. */
function formatLists(lists: ListDescriptions): string[] {
  return Object.entries(lists).flatMap(([list, turns]) =>
    turns.flatMap((registers, turn) => formatRegisters(registers, `${list}[${turn}].`)),
  );
}

function formatRegisters(registers: RegisterDescriptions, prefix = ""): string[] {
  return Object.entries(registers).map(([name, register]) => {
    const words = formatFields(register);
    return `${prefix}${name}  ${hex(register.raw, register.width / 4)}${words ? `  ${words}` : ""}`;
  });
}

/** Set flags by name, and numbers by name and word. */
export function formatFields({ fields = {}, words = {} }: RegisterDescription): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const word = words[name];
    if (value === true) parts.push(name);
    else if (word !== undefined) parts.push(`${name} ${word}`);
    else if (typeof value === "number" && value !== 0) parts.push(`${name} ${formatNumber(value)}`);
  }
  return parts.join(", ");
}

/** Counts are read best in decimal; what has more than a byte is an id or an offset. */
const formatNumber = (value: number): string => (value < 256 ? `${value}` : hex(value));
const spaced = (bytes: string): string => bytes.replace(/(..)(?!$)/g, "$1 ");
const digits = (value: number, count: number): string => value.toString(16).padStart(count, "0");
const pair = (vendor: number, device: number): string => `${digits(vendor, 4)}:${digits(device, 4)}`;
