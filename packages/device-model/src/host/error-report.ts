import { PciError } from "@userpci/interface";
import { extendedCapabilities, standardCapabilities } from "@userpci/pci-config";
import type { ModelError } from "../model.ts";
import type { DeviceConfig } from "./device-config.ts";

const { correctableStatus, uncorrectableStatus, uncorrectableMask, uncorrectableSeverity, control } =
  extendedCapabilities.aer.registers;
const { deviceStatus } = standardCapabilities.pcie.registers;

/** The bit of Device Status (section 7.5.3.5) of each severity. */
const detected = {
  correctable: deviceStatus.fields.correctableError.lo,
  nonfatal: deviceStatus.fields.nonFatalError.lo,
  fatal: deviceStatus.fields.fatalError.lo,
} as const;

/**
 * Notes an error in the registers of PCI Express and of AER, where the function has them (sections 6.2.3 and 7.8.4).
 *
 * @returns whether it is an uncorrectable one that is not masked, so that the driver is told
 * @throws PciError `ERR_INVALID_ARGUMENT` for a bit that the register does not have
 */
export function noteError({ own }: DeviceConfig, { severity, bit }: ModelError): boolean {
  const lo = bitOf(severity === "correctable" ? correctableStatus.fields : uncorrectableStatus.fields, bit);
  const { region } = own;
  const pcie = own.find("pcie");
  if (pcie === undefined) return false;
  const status = pcie.offset + deviceStatus.offset;
  region.write16(status, region.read16(status) | (1 << detected[severity]));
  const aer = own.findExtended("aer");
  const isUncorrectable = severity !== "correctable";
  if (aer === undefined) return isUncorrectable;
  const set = ({ offset }: { readonly offset: number }, on: boolean): void => {
    const before = region.read32(aer.offset + offset);
    region.write32(aer.offset + offset, (on ? before | (1 << lo) : before & ~(1 << lo)) >>> 0);
  };
  if (!isUncorrectable) {
    set(correctableStatus, true);
    return false;
  }
  const first = aer.offset + control.offset;
  if (aer.uncorrectableStatus.raw === 0) region.write32(first, ((region.read32(first) & ~0x1f) | lo) >>> 0);
  set(uncorrectableStatus, true);
  set(uncorrectableSeverity, severity === "fatal");
  return ((region.read32(aer.offset + uncorrectableMask.offset) >>> lo) & 1) === 0;
}

function bitOf(fields: Readonly<Record<string, { readonly lo: number }>>, name: string): number {
  if (Object.hasOwn(fields, name)) return fields[name]!.lo;
  throw new PciError("ERR_INVALID_ARGUMENT", `no error of AER is called ${String(name)}`, {
    hint: `one of ${Object.keys(fields).join(", ")}`,
  });
}
