import { sriov } from "../../capabilities/sriov.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, line } from "../line.ts";

const { registers } = sriov;
const { migration, tag10Requester, migrationMessage } = registers.capabilities.fields;
const control = registers.control.fields;
const states = registers.migrationStates.fields;

const capabilitiesLine = line`\t\tIOVCap:\tMigration${migration} 10BitTagReq${tag10Requester} IntMsgNum ${migrationMessage}\n`;
const controlLine = line`\t\tIOVCtl:\tEnable${control.enable} Migration${control.migration} Interrupt${control.migrationInterrupt} MSE${control.memorySpace} ARIHierarchy${control.ariHierarchy} 10BitTagReq${control.tag10Requester}\n`;
const statusLine = line`\t\tIOVSta:\tMigration${registers.status.fields.migration}\n`;

/** SR-IOV: a physical function and its virtual ones. lspci prints all registers or none. */
export const sriovText: CapabilityPrinter = (capability) => {
  const name = "Single Root I/O Virtualization (SR-IOV)\n";
  if (!capability.verbose || !capability.hasFrom(registers.capabilities, registers.migrationStates))
    return name;
  return [
    name,
    capabilitiesLine(capability.read(registers.capabilities)),
    controlLine(capability.read(registers.control)),
    statusLine(capability.read(registers.status)),
    ...numberLines(capability),
    ...barLines(capability),
    migrationLine(capability.read(registers.migrationStates)),
  ].join("");
};

function numberLines(capability: CapabilityText): string[] {
  const decimal = (name: "initialVfs" | "totalVfs" | "numVfs" | "firstVfOffset" | "vfStride") =>
    String(capability.read(registers[name]));
  const digits = (name: "dependencyLink" | "vfDeviceId" | "supportedPageSizes" | "systemPageSize") =>
    hex(capability.read(registers[name]), registers[name].width / 4);
  return [
    `\t\tInitial VFs: ${decimal("initialVfs")}, Total VFs: ${decimal("totalVfs")}, Number of VFs: ${decimal("numVfs")}, Function Dependency Link: ${digits("dependencyLink")}\n`,
    `\t\tVF offset: ${decimal("firstVfOffset")}, stride: ${decimal("vfStride")}, Device ID: ${digits("vfDeviceId")}\n`,
    `\t\tSupported Page Size: ${digits("supportedPageSizes")}, System Page Size: ${digits("systemPageSize")}\n`,
  ];
}

const BARS = 6;
/** Type bits of a BAR (section 7.5.1.2.1): 0 is 32 bits, 2 is 64; lspci calls the reserved ones 64-bit too. */
const TYPE = { mask: 0x6, narrow: 0x0, wide: 0x4 } as const;
const PREFETCHABLE = 0x8;
const FLAGS = 0xf;

/** The BARs of the virtual functions, but for empty ones and those that read ones. */
function barLines(capability: CapabilityText): string[] {
  const lines: string[] = [];
  for (let index = 0; index < BARS; index++) {
    const at = registers.bar0.offset + 4 * index;
    const bar = capability.read32(at);
    if (bar === 0 || bar === 0xffff_ffff) continue;
    const type = bar & TYPE.mask;
    const low = hex((bar & ~FLAGS) >>> 0, 8);
    // A wide one in the last place takes what follows the BARs for its upper half.
    const high = type === TYPE.wide ? hex(capability.read32(at + 4), 8) : "";
    const width = type === TYPE.narrow ? "32-bit" : "64-bit";
    const kind = (bar & PREFETCHABLE) === 0 ? "non-prefetchable" : "prefetchable";
    lines.push(`\t\tRegion ${index}: Memory at ${high}${low} (${width}, ${kind})\n`);
    if (type === TYPE.wide) index++;
  }
  return lines;
}

/** The offset is printed in place, the BAR's number in the bits below it. */
const migrationLine = line`\t\tVF Migration: offset: ${(raw) => hex(raw - fieldOf(states.bar, raw), 8)}, BIR: ${states.bar}\n`;
