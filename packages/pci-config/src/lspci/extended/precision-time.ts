import { precisionTime } from "../../capabilities/precision-time.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { line, mapField } from "../line.ts";

const { capabilities, control } = precisionTime.registers;
const { fields: cap } = capabilities;
const { fields: ctl } = control;

/** A granularity in ns, with a word of its own for 0. */
const granularity = (none: string) => (value: number) => {
  if (value === 0) return none;
  return value === 0xff ? "Greater than 254ns" : `${value}ns`;
};

const lines = {
  capabilities: line`\t\tPTMCap: Requester${cap.requester} Responder${cap.responder} Root${cap.root}
\t\tPTMClockGranularity: ${mapField(cap.granularity, granularity("Unimplemented"))}\n`,
  control: line`\t\tPTMControl: Enabled${ctl.enable} RootSelected${ctl.rootSelect}
\t\tPTMEffectiveGranularity: ${mapField(ctl.granularity, granularity("Unknown"))}\n`,
} as const;

/** Precision time measurement. */
export const precisionTimeText: CapabilityPrinter = (capability) => {
  const head = "Precision Time Measurement\n";
  if (!capability.verbose) return head;
  if (!capability.hasFrom(capabilities, control)) return `${head}\t\t<unreadable>\n`;
  return head + lines.capabilities(capability.read(capabilities)) + lines.control(capability.read(control));
};
