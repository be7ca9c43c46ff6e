import type { PrintedDevice } from "./capability-text.ts";
import type { Identity } from "./identity.ts";
import { hex } from "./line.ts";
import { classTitle, deviceName } from "./names.ts";
import type { LspciOptions } from "./options.ts";

/** The first line of a device, behind its address. */
export function headline({ identity, options }: PrintedDevice): string {
  const { classCode, vendor, device, revision } = identity;
  const rev = revision ? ` (rev ${hex(revision, 2)})` : "";
  const prog = options.verbosity > 0 ? interfaceText(identity, options) : "";
  return `${classTitle(options, classCode)}: ${deviceName(options, vendor, device)}${rev}${prog}`;
}

function interfaceText({ classCode, programmingInterface }: Identity, { ids }: LspciOptions): string {
  const listed = ids.programmingInterface(classCode, programmingInterface);
  const name = listed ?? (classCode === CLASS_IDE ? ideInterface(programmingInterface) : undefined);
  if (programmingInterface === 0 && name === undefined) return "";
  return ` (prog-if ${hex(programmingInterface, 2)}${name === undefined ? "" : ` [${name}]`})`;
}

const CLASS_IDE = 0x0101;
const IDE_RESERVED = 0x70;

/** The bits of an IDE controller's programming interface (PCI IDE Controller Specification 1.0, section 2). */
const ideModes: readonly (readonly [bit: number, name: string])[] = [
  [0x80, "Master"],
  [0x08, "SecP"],
  [0x04, "SecO"],
  [0x02, "PriP"],
  [0x01, "PriO"],
];

function ideInterface(code: number): string | undefined {
  if (code & IDE_RESERVED) return undefined;
  return ideModes.flatMap(([bit, name]) => (code & bit ? [name] : [])).join(" ");
}
