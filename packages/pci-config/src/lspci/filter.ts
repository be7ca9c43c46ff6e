import { PciError } from "@userpci/interface";
import type { LspciDevice } from "./device.ts";
import { identityOf } from "./identity.ts";

/** Whether a device is wanted; `busCentric` as of the options. */
export type DeviceFilter = (device: LspciDevice, busCentric: boolean) => boolean;

function refuse(option: string, what: string, given: string): never {
  throw new PciError("ERR_INVALID_ARGUMENT", `${option}: ${what}`, {
    hint: `${JSON.stringify(given)} is not understood; see the manual of lspci, ${option}`,
  });
}

/** A number in hexadecimal, at most `most`; undefined for one that is left out or `*`. */
function part(option: string, name: string, most: number, given: string): number | undefined {
  if (given === "" || given === "*") return undefined;
  const value = /^(0x)?[0-9a-f]{1,8}$/i.test(given) ? Number.parseInt(given, 16) : Number.NaN;
  return value <= most ? value : refuse(option, `Invalid ${name}`, given);
}

/**
 * The filter of `-s [[[[<domain>]:]<bus>]:][<device>][.[<function>]]`.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` with lspci's own words
 */
export function slotFilter(given: string): DeviceFilter {
  const places = given.split(":");
  const [device = "", fn = "", ...more] = (places.pop() ?? "").split(".");
  if (more.length > 0) refuse("-s", "Invalid slot/function number", given);
  const bus = places.pop() ?? "";
  const domain = places.pop() ?? "";
  if (places.length > 0) refuse("-s", "Invalid domain number", given);
  const wanted = {
    domain: part("-s", "domain number", 0x7fff_ffff, domain),
    bus: part("-s", "bus number", 0xff, bus),
    device: part("-s", "slot number", 0x1f, device),
    function: part("-s", "function number", 7, fn),
  };
  return ({ address }) =>
    (wanted.domain ?? address.domain) === address.domain &&
    (wanted.bus ?? address.bus) === address.bus &&
    (wanted.device ?? address.device) === address.device &&
    (wanted.function ?? address.function) === address.function;
}

/** A class with `x` for any digit, as a mask and the value under it. */
function classPart(given: string): { mask: number; value: number } {
  if (given === "" || given === "*") return { mask: 0, value: 0 };
  if (!/^[0-9a-fx]{1,4}$/i.test(given)) refuse("-d", "Invalid class code", given);
  const digits = given.toLowerCase().padStart(4, "0");
  const number = (text: string) => Number.parseInt(text, 16);
  return {
    mask: number(digits.replace(/[^x]/g, "f").replaceAll("x", "0")),
    value: number(digits.replaceAll("x", "0")),
  };
}

/**
 * The filter of `-d [<vendor>]:[<device>][:<class>[:<prog-if>]]`.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` with lspci's own words
 */
export function idFilter(given: string): DeviceFilter {
  const [vendor, device, code = "", programming = "", ...more] = given.split(":");
  if (vendor === undefined || device === undefined) refuse("-d", "At least two fields must be given", given);
  if (more.length > 0) refuse("-d", "Too many fields", given);
  const wanted = {
    vendor: part("-d", "vendor ID", 0xffff, vendor),
    device: part("-d", "device ID", 0xffff, device),
    code: classPart(code),
    programming: part("-d", "programming interface code", 0xff, programming),
  };
  return (device, busCentric) => {
    const found = identityOf(device, busCentric);
    return (
      (wanted.vendor ?? found.vendor) === found.vendor &&
      (wanted.device ?? found.device) === found.device &&
      (found.classCode & wanted.code.mask) === wanted.code.value &&
      (wanted.programming ?? found.programmingInterface) === found.programmingInterface
    );
  };
}
