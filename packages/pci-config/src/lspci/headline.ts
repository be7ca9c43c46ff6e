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
  const name = ids.programmingInterface(classCode, programmingInterface);
  if (programmingInterface === 0 && name === undefined) return "";
  return ` (prog-if ${hex(programmingInterface, 2)}${name === undefined ? "" : ` [${name}]`})`;
}
