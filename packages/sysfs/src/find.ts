import { PciError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { DEVICES, type PciFunction, readFunction } from "./function.ts";
import { checkFilter, checkTreeOptions } from "./options.ts";
import { pathIn, readNames, type TreeOptions } from "./tree.ts";

/** Which functions to find; a function must meet all that is given. */
export interface FunctionFilter {
  /** `vendor:device` in hexadecimal; either side may be empty: `1234:11e8`, `8086:`. */
  readonly id?: string;
  /** Class in hexadecimal, 2, 4 or 6 digits: `02` for all network controllers, `010802` for NVMe. */
  readonly class?: string;
  /** Name of the kernel driver; null for functions without one. */
  readonly driver?: string | null;
  /** Number of the IOMMU group; null for functions in none. */
  readonly group?: number | null;
}

/**
 * The system's PCI functions, by ascending address. Reads sysfs only; no device is touched.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for options of another type
 */
export function listFunctions(options: TreeOptions = {}): PciFunction[] {
  checkTreeOptions(options);
  return addresses(options).flatMap((address) => readFunction(address.toString(), options) ?? []);
}

/**
 * The functions that meet a filter, by ascending address.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for an id or class that is not in the form above, and what is of another type; `ERR_OUT_OF_RANGE` for a
 * group below 0
 */
export function findFunctions(filter: FunctionFilter, options: TreeOptions = {}): PciFunction[] {
  checkFilter(filter);
  const matches = matcher(filter);
  return listFunctions(options).filter(matches);
}

/**
 * The function at an address.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE` with the addresses there are
 */
export function findFunction(address: string, options: TreeOptions = {}): PciFunction {
  checkTreeOptions(options);
  const wanted = PciAddress.parse(address);
  const found = readFunction(wanted.toString(), options);
  if (found !== null) return found;
  const present = addresses(options).map(String);
  throw new PciError("ERR_NO_DEVICE", `there is no PCI function ${wanted}`, {
    hint: nearest(wanted, present),
    details: { address: wanted.toString(), present },
  });
}

function addresses(options: TreeOptions): PciAddress[] {
  const names = readNames(pathIn(options, DEVICES));
  return names.flatMap((name) => PciAddress.tryParse(name) ?? []).sort(PciAddress.compare);
}

function nearest(wanted: PciAddress, present: readonly string[]): string {
  if (present.length === 0) return "the system has no PCI function at all; is /sys mounted?";
  const bus = wanted.toString().slice(0, -4);
  const siblings = present.filter((address) => address.startsWith(bus));
  const shown = (siblings.length > 0 ? siblings : present).slice(0, 8).join(", ");
  return `\`userpci list\` shows what there is; ${siblings.length > 0 ? "on this bus" : "for example"}: ${shown}`;
}

function matcher(filter: FunctionFilter): (fn: PciFunction) => boolean {
  const id = filter.id === undefined ? null : parseId(filter.id);
  const kind = filter.class === undefined ? null : parseClass(filter.class);
  return (fn) =>
    (id === null || id.vendor === null || fn.vendor === id.vendor) &&
    (id === null || id.device === null || fn.device === id.device) &&
    (kind === null || fn.classCode >>> kind.shift === kind.value) &&
    (filter.driver === undefined || fn.driver === filter.driver) &&
    (filter.group === undefined || fn.iommuGroup === filter.group);
}

function parseId(text: string): { vendor: number | null; device: number | null } {
  const match = /^([0-9a-f]{0,4}):([0-9a-f]{0,4})$/i.exec(text);
  if (match === null) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not a vendor:device id`, {
      hint: "write it as 1234:11e8, or 1234: for every device of a vendor",
    });
  }
  const part = (digits: string) => (digits === "" ? null : Number.parseInt(digits, 16));
  return { vendor: part(match[1]!), device: part(match[2]!) };
}

function parseClass(text: string): { value: number; shift: number } {
  if (!/^([0-9a-f]{2}){1,3}$/i.test(text)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not a PCI class`, {
      hint: "write 2, 4 or 6 hexadecimal digits: 02 for network, 0200 for Ethernet, 010802 for NVMe",
    });
  }
  return { value: Number.parseInt(text, 16), shift: 24 - 4 * text.length };
}
