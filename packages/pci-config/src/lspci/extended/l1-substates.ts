import { l1Substates, powerOnScales } from "../../capabilities/l1-substates.ts";
import { latencyScales } from "../../capabilities/latency-tolerance.ts";
import type { FieldSpec } from "../../table.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { fieldOf, type Line, line } from "../line.ts";

const r = l1Substates.registers;
const { fields: cap } = r.capabilities;
const { fields: ctl } = r.control1;

/** A time of two fields; `<error>` for a scale that there is not. */
const time =
  (value: FieldSpec, scale: FieldSpec, scales: readonly number[], unit: string): Line =>
  (raw) => {
    const factor = scales[fieldOf(scale, raw)];
    return factor === undefined ? "<error>" : `${fieldOf(value, raw) * factor}${unit}`;
  };

const powerOn = ({ powerOnTime, powerOnScale }: Record<"powerOnTime" | "powerOnScale", FieldSpec>) =>
  time(powerOnTime, powerOnScale, powerOnScales, "us");
const threshold = time(ctl.thresholdValue, ctl.thresholdScale, latencyScales, "ns");

const lines = {
  capabilities: line`\t\tL1SubCap: PCI-PM_L1.2${cap.pciPmL12} PCI-PM_L1.1${cap.pciPmL11} ASPM_L1.2${cap.aspmL12} ASPM_L1.1${cap.aspmL11} L1_PM_Substates${cap.supported}\n`,
  times: line`\t\t\t  PortCommonModeRestoreTime=${cap.commonModeRestoreTime}us PortTPowerOnTime=${powerOn(cap)}\n`,
  control1: line`\t\tL1SubCtl1: PCI-PM_L1.2${ctl.pciPmL12} PCI-PM_L1.1${ctl.pciPmL11} ASPM_L1.2${ctl.aspmL12} ASPM_L1.1${ctl.aspmL11}\n`,
  commonMode: line`\t\t\t   T_CommonMode=${ctl.commonModeRestoreTime}us`,
  threshold: line` LTR1.2_Threshold=${threshold}`,
  control2: line` T_PwrOn=${powerOn(r.control2.fields)}`,
} as const;

/** L1 power management substates. The times are those of L1.2. */
export const l1SubstatesText: CapabilityPrinter = (capability) => {
  const head = "L1 PM Substates\n";
  if (!capability.verbose) return head;
  if (!capability.hasFrom(r.capabilities, r.control2)) return `${head}\t\t<unreadable>\n`;
  const able = capability.read(r.capabilities);
  const setting = capability.read(r.control1);
  const byAspm = fieldOf(cap.aspmL12, able) === 1;
  const l12 = byAspm || fieldOf(cap.pciPmL12, able) === 1;
  let text = head + lines.capabilities(able);
  if (l12) text += lines.times(able);
  text += lines.control1(setting);
  if (l12) text += `${lines.commonMode(setting)}${byAspm ? lines.threshold(setting) : ""}\n`;
  return `${text}\t\tL1SubCtl2:${l12 ? lines.control2(capability.read(r.control2)) : ""}\n`;
};
