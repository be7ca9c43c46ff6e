import { PciError } from "@userpci/interface";
import type { FunctionAddress, LspciDevice } from "./device.ts";
import { identityOf } from "./identity.ts";

/** Whether a device is wanted; `busCentric` as of the options. */
export type DeviceFilter = (device: LspciDevice, busCentric: boolean) => boolean;

function refuse(option: string, what: string, given: string): never {
  throw new PciError("ERR_INVALID_ARGUMENT", `${option}: ${what}`, {
    hint: `${JSON.stringify(given)} is not understood; see the manual of lspci, ${option}`,
  });
}

/**
 * A number in hexadecimal, at most `most`; undefined for one that is left out or `*`. As lspci's it has 32 bits, and what is
 * above them is lost.
 */
function part(option: string, name: string, most: number, given: string): number | undefined {
  if (given === "" || given === "*") return undefined;
  let value = 0;
  for (const digit of given.replace(/^0x/i, "")) {
    value = /[0-9a-f]/i.test(digit) ? ((value << 4) | Number.parseInt(digit, 16)) >>> 0 : Number.NaN;
    if (!(value <= most)) refuse(option, `Invalid ${name}`, given);
  }
  return value;
}

/** Domain, bus, and device with function. */
const MOST_PLACES = 3;

function slotParts(given: string): Partial<FunctionAddress> {
  const places = given.split(":");
  if (places.length > MOST_PLACES) refuse("-s", "Too many fields", given);
  const [place = "", bus = "", domain = ""] = places.reverse();
  // In the order in which lspci looks at them.
  const parts = {
    domain: part("-s", "domain number", 0x7fff_ffff, domain),
    bus: part("-s", "bus number", 0xff, bus),
  };
  const [device = "", fn = "", ...more] = place.split(".");
  if (more.length > 0) refuse("-s", "Invalid slot/function number", given);
  return known({
    ...parts,
    device: part("-s", "slot number", 0x1f, device),
    function: part("-s", "function number", 7, fn),
  });
}

/** Leaves out the parts that are left out. */
function known<T extends object>(parts: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as T;
}

/**
 * The filter of `-s [[[[<domain>]:]<bus>]:][<device>][.[<function>]]`. Of several, each replaces the parts that it has.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` with lspci's own words
 */
export function slotFilter(...given: readonly string[]): DeviceFilter {
  const wanted: Partial<FunctionAddress> = Object.assign({}, ...given.map(slotParts));
  return ({ address }) =>
    (wanted.domain ?? address.domain) === address.domain &&
    (wanted.bus ?? address.bus) === address.bus &&
    (wanted.device ?? address.device) === address.device &&
    (wanted.function ?? address.function) === address.function;
}

/** A class with `x` for any digit, as a mask and the value under it. */
interface ClassPart {
  readonly mask: number;
  readonly value: number;
}

function classPart(given: string): ClassPart | undefined {
  if (given === "" || given === "*") return undefined;
  const digits = given.toLowerCase().replace(/^0+/, "").padStart(4, "0");
  if (!/^[0-9a-fx]{4}$/.test(digits)) refuse("-d", "Invalid class code", given);
  const number = (text: string) => Number.parseInt(text, 16);
  return {
    mask: number(digits.replace(/[^x]/g, "f").replaceAll("x", "0")),
    value: number(digits.replaceAll("x", "0")),
  };
}

interface IdParts {
  readonly vendor?: number;
  readonly device?: number;
  readonly code?: ClassPart;
  readonly programming?: number;
}

function idParts(given: string): IdParts {
  const [vendor, device, code = "", programming = "", ...more] = given.split(":");
  if (vendor === undefined || device === undefined) refuse("-d", "At least two fields must be given", given);
  if (more.length > 0) refuse("-d", "Too many fields", given);
  return known({
    vendor: part("-d", "vendor ID", 0xffff, vendor),
    device: part("-d", "device ID", 0xffff, device),
    code: classPart(code),
    programming: part("-d", "programming interface code", 0xff, programming),
  });
}

/**
 * The filter of `-d [<vendor>]:[<device>][:<class>[:<prog-if>]]`. Of several, each replaces the parts that it has.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` with lspci's own words
 */
export function idFilter(...given: readonly string[]): DeviceFilter {
  const wanted: IdParts = Object.assign({}, ...given.map(idParts));
  const { mask, value } = wanted.code ?? { mask: 0, value: 0 };
  return (device, busCentric) => {
    const found = identityOf(device, busCentric);
    return (
      (wanted.vendor ?? found.vendor) === found.vendor &&
      (wanted.device ?? found.device) === found.device &&
      (found.classCode & mask) === value &&
      (wanted.programming ?? found.programmingInterface) === found.programmingInterface
    );
  };
}

/** Whether the text of a filter leaves all of its parts out, so that every device passes. */
export function isOpenFilter(given: string): boolean {
  return /^[:.*]*$/.test(given);
}
