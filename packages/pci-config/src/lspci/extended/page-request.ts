import { pageRequest } from "../../capabilities/address-translation.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { hex, line } from "../line.ts";

const { control, status, capacity, allocation } = pageRequest.registers;
const { enable, reset } = control.fields;
const { responseFailure, unexpectedGroup, stopped, pasidRequired } = status.fields;

const controlLine = line`\t\tPRICtl: Enable${enable} Reset${reset}\n`;
const statusLine = line`\t\tPRISta: RF${responseFailure} UPRGI${unexpectedGroup} Stopped${stopped} PASID${pasidRequired}\n`;

/** Page requests. All of it, or the name alone. */
export const pageRequestText: CapabilityPrinter = (capability) => {
  const name = "Page Request Interface (PRI)\n";
  if (!capability.verbose || !capability.hasFrom(control, allocation)) return name;
  const most = hex(capability.read(capacity), 8);
  const granted = hex(capability.read(allocation), 8);
  return [
    name,
    controlLine(capability.read(control)),
    statusLine(capability.read(status)),
    `\t\tPage Request Capacity: ${most}, Page Request Allocation: ${granted}\n`,
  ].join("");
};
