import { secondaryPcie } from "../../capabilities/secondary-pcie.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { line } from "../line.ts";

const { linkControl3, laneErrors } = secondaryPcie.registers;
const { fields } = linkControl3;

const controlLine = line`\t\tLnkCtl3: LnkEquIntrruptEn${fields.equalizationRequestInterrupt} PerformEqu${fields.performEqualization}\n`;

/** lspci looks at so many lanes, whatever the width of the link. */
const LANES = 16;

/** Secondary PCI Express. */
export const secondaryPcieText: CapabilityPrinter = (capability) => {
  const head = "Secondary PCI Express\n";
  if (!capability.verbose || !capability.has(4, 12)) return head;
  const errors = capability.read(laneErrors);
  const lanes = Array.from({ length: LANES }, (_, lane) => lane).filter((lane) => errors & (1 << lane));
  const text = lanes.length === 0 ? "0" : `LaneErr at lane: ${lanes.join(" ")}`;
  return `${head}${controlLine(capability.read(linkControl3))}\t\tLaneErrStat: ${text}\n`;
};
