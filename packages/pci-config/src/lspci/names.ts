import type { PciIds } from "../ids.ts";
import { hex } from "./line.ts";
import type { IdStyle } from "./options.ts";

/** What names are asked of: the database and the style. */
export interface Naming {
  readonly ids: PciIds;
  readonly idStyle: IdStyle;
}

/** Joins a name and the number of what it names. Without a name, `kind` and the number stand for it. */
function styled(style: IdStyle, name: string | undefined, kind: string, number: string): string {
  if (style === "numbers") return number;
  if (style === "both") return `${name ?? kind} [${number}]`;
  return name ?? `${kind} ${number}`;
}

/** A vendor and its device, as `Intel Corporation 82540EM` or `Device 1234:11e8`. */
export function deviceName({ ids, idStyle }: Naming, vendor: number, device: number): string {
  return pairName(idStyle, vendor, device, ids.vendor(vendor), ids.device(vendor, device));
}

/** A vendor alone. */
export function vendorName({ ids, idStyle }: Naming, vendor: number): string {
  return styled(idStyle, ids.vendor(vendor), "Vendor", hex(vendor, 4));
}

/** A device without its vendor. */
export function deviceOnlyName({ ids, idStyle }: Naming, vendor: number, device: number): string {
  return styled(idStyle, ids.device(vendor, device), "Device", hex(device, 4));
}

/** Ids of a function. */
export interface FunctionIds {
  readonly vendor: number;
  readonly device: number;
  readonly subvendor: number;
  readonly subdevice: number;
}

/** The vendor of a subsystem and the subsystem. */
export function subsystemName({ ids, idStyle }: Naming, of: FunctionIds): string {
  return pairName(idStyle, of.subvendor, of.subdevice, ids.vendor(of.subvendor), subsystemTitle(ids, of));
}

/** The vendor of a subsystem alone. */
export function subvendorName({ ids, idStyle }: Naming, { subvendor }: FunctionIds): string {
  return styled(idStyle, ids.vendor(subvendor), "Unknown vendor", hex(subvendor, 4));
}

/** A subsystem without its vendor. */
export function subdeviceName({ ids, idStyle }: Naming, of: FunctionIds): string {
  return styled(idStyle, subsystemTitle(ids, of), "Device", hex(of.subdevice, 4));
}

/** A subsystem that has the ids of its device has its name too. */
function subsystemTitle(ids: PciIds, of: FunctionIds): string | undefined {
  const listed = ids.subsystem(of.vendor, of.device, of.subvendor, of.subdevice);
  if (listed !== undefined) return listed;
  const same = of.vendor === of.subvendor && of.device === of.subdevice;
  return same ? ids.device(of.vendor, of.device) : undefined;
}

function pairName(
  style: IdStyle,
  vendor: number,
  device: number,
  vendorTitle: string | undefined,
  deviceTitle: string | undefined,
): string {
  const numbers = `${hex(vendor, 4)}:${hex(device, 4)}`;
  if (style === "numbers") return numbers;
  if (style === "both") {
    const title = vendorTitle === undefined ? "Device" : `${vendorTitle} ${deviceTitle ?? "Device"}`;
    return `${title} [${numbers}]`;
  }
  if (vendorTitle === undefined) return `Device ${numbers}`;
  return `${vendorTitle} ${deviceTitle ?? `Device ${hex(device, 4)}`}`;
}

/** A class of 16 bits. Where only the base class is known, the number stays beside its name. */
export function classTitle({ ids, idStyle }: Naming, code: number): string {
  const name = ids.subClass(code);
  const base = ids.baseClass(code >>> 8);
  if (name !== undefined || base === undefined) return styled(idStyle, name, "Class", hex(code, 4));
  return idStyle === "numbers" ? hex(code, 4) : `${base} [${hex(code, 4)}]`;
}
