import { className } from "@userpci/pci-config/classes";
import type { PciIds } from "@userpci/pci-config/ids";
import type { IommuGroup, PciFunction, PciLink, PciResource } from "@userpci/sysfs";
import { hex } from "./json.ts";

/** A function as the JSON of `list` and `show` has it: ids as the hexadecimal text that people know them by. */
export function functionJson(fn: PciFunction, names: PciIds): object {
  return {
    address: fn.address,
    id: idOf(fn.vendor, fn.device),
    subsystemId: idOf(fn.subsystemVendor, fn.subsystemDevice),
    class: digits(fn.classCode, 6),
    className: className(fn.classCode),
    revision: digits(fn.revision, 2),
    vendorName: names.vendor(fn.vendor) ?? null,
    deviceName: names.device(fn.vendor, fn.device) ?? null,
    driver: fn.driver,
    iommuGroup: fn.iommuGroup,
    vfioDevice: fn.vfioDevice,
    numaNode: fn.numaNode,
    resources: fn.resources,
    resetMethods: fn.resetMethods,
    parent: fn.parent,
    physicalFunction: fn.physicalFunction,
    virtualFunctions: fn.virtualFunctions,
    maxVirtualFunctions: fn.maxVirtualFunctions,
  };
}

/** A group as JSON has it. */
export function groupJson(group: IommuGroup): object {
  const reserved = group.reserved.map(({ start, last, type }) => ({
    start: hex(start),
    last: hex(last),
    type,
  }));
  return { ...group, reserved };
}

/** `1234:11e8`. */
export function idOf(vendor: number, device: number): string {
  return `${digits(vendor, 4)}:${digits(device, 4)}`;
}

/** Vendor and device in words, as far as the database knows them. */
export function nameOf(fn: PciFunction, names: PciIds): string {
  const vendor = names.vendor(fn.vendor);
  const device = names.device(fn.vendor, fn.device);
  return [vendor, device].filter((name) => name !== undefined).join(" ");
}

/** `BAR 0  memory, 1 MiB at 0xfea00000`, by its parts. */
export function resourceText({ index, space, size, start, wide, prefetchable }: PciResource): string {
  const kind = space === "io" ? "I/O ports" : `${wide ? "64" : "32"}-bit memory`;
  const name = index < 6 ? `BAR ${index}` : index === 6 ? "ROM" : `VF BAR ${index - 7}`;
  return `${name}  ${kind}${prefetchable ? ", prefetchable" : ""}, ${sizeText(size)} at ${hex(start)}`;
}

/** `8 GT/s x4`, or what it could be while it is down; "" for no link. */
export function linkText(link: PciLink | null): string {
  if (link === null) return "";
  const { speed, width, maxSpeed, maxWidth } = link;
  return speed === null ? `down (${maxSpeed} GT/s x${maxWidth})` : `${speed} GT/s x${width}`;
}

const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes in the largest unit that divides it: `1 MiB`, `6 KiB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value > 0 && value % 1024 === 0 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value} ${units[unit]}`;
}

function digits(value: number, count: number): string {
  return value.toString(16).padStart(count, "0");
}
