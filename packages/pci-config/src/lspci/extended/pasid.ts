import { pasid } from "../../capabilities/address-translation.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { hexField, line } from "../line.ts";

const { capabilities, control } = pasid.registers;
const { execute, privileged, width } = capabilities.fields;
const { enable, execute: mayExecute, privileged: isPrivileged } = control.fields;

const capabilitiesLine = line`\t\tPASIDCap: Exec${execute} Priv${privileged}, Max PASID Width: ${hexField(width, 2)}\n`;
const controlLine = line`\t\tPASIDCtl: Enable${enable} Exec${mayExecute} Priv${isPrivileged}\n`;

/** Process address spaces. */
export const pasidText: CapabilityPrinter = (capability) => {
  const name = "Process Address Space ID (PASID)\n";
  if (!capability.verbose || !capability.hasFrom(capabilities, control)) return name;
  return name + capabilitiesLine(capability.read(capabilities)) + controlLine(capability.read(control));
};
