import { sriov } from "../../capabilities/sriov.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, line } from "../line.ts";

const r = sriov.registers;
const { fields: cap } = r.capabilities;
const { fields: ctl } = r.control;
const { fields: states } = r.migrationStates;

const bars = [r.bar0, r.bar1, r.bar2, r.bar3, r.bar4, r.bar5] as const;
const LENGTH = 0x3c;

const lines = {
  capabilities: line`\t\tIOVCap:\tMigration${cap.migration} 10BitTagReq${cap.tag10Requester} IntMsgNum ${cap.migrationMessage}\n`,
  control: line`\t\tIOVCtl:\tEnable${ctl.enable} Migration${ctl.migration} Interrupt${ctl.migrationInterrupt} MSE${ctl.memorySpace} ARIHierarchy${ctl.ariHierarchy} 10BitTagReq${ctl.tag10Requester}\n`,
  status: line`\t\tIOVSta:\tMigration${r.status.fields.migration}\n`,
  states: line`\t\tVF Migration: offset: ${(raw) => hex(fieldOf(states.offset, raw) * 8, 8)}, BIR: ${states.bar}\n`,
} as const;

/** Single root I/O virtualization. */
export const sriovText: CapabilityPrinter = (capability) => {
  const head = "Single Root I/O Virtualization (SR-IOV)\n";
  if (!capability.verbose || !capability.has(r.capabilities.offset, LENGTH)) return head;
  return (
    head +
    lines.capabilities(capability.read(r.capabilities)) +
    lines.control(capability.read(r.control)) +
    lines.status(capability.read(r.status)) +
    functionsText(capability) +
    regionsText(capability) +
    lines.states(capability.read(r.migrationStates))
  );
};

function functionsText(capability: CapabilityText): string {
  const dwords = (spec: typeof r.supportedPageSizes | typeof r.systemPageSize) =>
    hex(capability.read(spec), 8);
  return (
    `\t\tInitial VFs: ${capability.read(r.initialVfs)}, Total VFs: ${capability.read(r.totalVfs)}, ` +
    `Number of VFs: ${capability.read(r.numVfs)}, Function Dependency Link: ${hex(capability.read(r.dependencyLink), 2)}\n` +
    `\t\tVF offset: ${capability.read(r.firstVfOffset)}, stride: ${capability.read(r.vfStride)}, ` +
    `Device ID: ${hex(capability.read(r.vfDeviceId), 4)}\n` +
    `\t\tSupported Page Size: ${dwords(r.supportedPageSizes)}, System Page Size: ${dwords(r.systemPageSize)}\n`
  );
}

const ALL_ONES = 0xffff_ffff;
/** Types of a memory BAR. Of the two that are not 32 bits wide lspci says that they are 64-bit, and reads an upper half of one. */
const NARROW = 0;
const WIDE = 4;

/** The BARs of the virtual functions: always memory, and printed without the state of their enable bit. */
function regionsText(capability: CapabilityText): string {
  let text = "";
  for (let index = 0; index < bars.length; index++) {
    const raw = capability.read(bars[index]!);
    if (raw === 0 || raw === ALL_ONES) continue;
    const type = raw & 6;
    let place = hex((raw & ~0xf) >>> 0, 8);
    const own = index;
    if (type === WIDE) place = hex(capability.read32(bars[index++]!.offset + 4), 8) + place;
    const width = type === NARROW ? "32" : "64";
    text += `\t\tRegion ${own}: Memory at ${place} (${width}-bit, ${raw & 8 ? "" : "non-"}prefetchable)\n`;
  }
  return text;
}
