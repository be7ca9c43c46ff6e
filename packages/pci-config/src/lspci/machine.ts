import type { LspciDevice } from "./device.ts";
import { type Identity, identityOf } from "./identity.ts";
import { hex } from "./line.ts";
import {
  classTitle,
  deviceOnlyName,
  type FunctionIds,
  subdeviceName,
  subvendorName,
  vendorName,
} from "./names.ts";
import type { LspciOptions } from "./options.ts";

/** The names of a subsystem, or empty ones. */
function subsystemNames({ vendor, device, subsystem }: Identity, options: LspciOptions): [string, string] {
  if (!subsystem) return ["", ""];
  const ids: FunctionIds = { vendor, device, ...subsystem };
  return [subvendorName(options, ids), subdeviceName(options, ids)];
}

/** A function as one line for programs: `-m` and `-mm`. */
export function machineLine(device: LspciDevice, options: LspciOptions, slot: string): string {
  const found = identityOf(device, options.busCentric);
  const { vendor, device: id, classCode, revision, programmingInterface } = found;
  const names = [
    classTitle(options, classCode),
    vendorName(options, vendor),
    deviceOnlyName(options, vendor, id),
  ];
  const rev = revision ? ` -r${hex(revision, 2)}` : "";
  const subsystem = subsystemNames(found, options);
  return `${slot} ${names.map(quoted).join(" ")}${rev} -p${hex(programmingInterface, 2)} ${subsystem.map(quoted).join(" ")}\n`;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/**
 * A function as a record for programs, without the empty line behind it: `-vm` and `-vmm`.
 *
 * @param slotTag `Slot`, or `Device` with the single `m` of old versions
 */
export function machineRecord(
  device: LspciDevice,
  options: LspciOptions,
  slot: string,
  slotTag: "Slot" | "Device",
): string {
  const found = identityOf(device, options.busCentric);
  const { vendor, device: id, classCode, revision, programmingInterface } = found;
  const [subvendor, subdevice] = subsystemNames(found, options);
  const { physicalSlot, driver, modules = [], numaNode, deviceTree, iommuGroup } = device.system ?? {};
  const tags: readonly (readonly [tag: string, value: string | number | undefined])[] = [
    [slotTag, slot],
    ["Class", classTitle(options, classCode)],
    ["Vendor", vendorName(options, vendor)],
    ["Device", deviceOnlyName(options, vendor, id)],
    ["SVendor", subvendor || undefined],
    ["SDevice", subdevice || undefined],
    ["PhySlot", physicalSlot],
    ["Rev", revision ? hex(revision, 2) : undefined],
    ["ProgIf", hex(programmingInterface, 2)],
    ...(options.showKernel
      ? [["Driver", driver] as const, ...modules.map((name) => ["Module", name] as const)]
      : []),
    ["NUMANode", numaNode],
    ["DTNode", deviceTree],
    ["IOMMUGroup", iommuGroup],
  ];
  const lines = tags.filter(([, value]) => value !== undefined);
  return lines.map(([tag, value]) => `${tag}:\t${value}\n`).join("");
}
