import { laneMargining } from "../../capabilities/lane-margining.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { line } from "../line.ts";

const { capabilities, status } = laneMargining.registers;
const { fields } = status;

const capabilitiesLine = line`\t\tPortCap: Uses Driver${capabilities.fields.usesDriver}\n`;
const statusLine = line`\t\tPortSta: MargReady${fields.ready} MargSoftReady${fields.softwareReady}\n`;

/** Lane margining at the receiver. */
export const laneMarginingText: CapabilityPrinter = (capability) => {
  const head = "Lane Margining at the Receiver\n";
  if (!capability.verbose || !capability.hasFrom(capabilities, status)) return head;
  const able = capabilitiesLine(capability.read(capabilities));
  return head + able + statusLine(capability.read(status));
};
