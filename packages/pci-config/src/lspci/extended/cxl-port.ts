import { cxlGpfRegisters } from "../../capabilities/cxl-gpf.ts";
import { cxlPortRegisters } from "../../capabilities/cxl-port.ts";
import { endOf } from "../../table.ts";
import type { CapabilityText } from "../capability-text.ts";
import { hex, hexField, line } from "../line.ts";
import type { Designated } from "./cxl.ts";
import { gpfTime } from "./gpf-time.ts";

const r = cxlPortRegisters;
const { fields: p } = r.portControl;

// lspci takes the register's offset for the mask of the bit.
const portStatusLine = line`\t\tCXLPortSta:\tPMComplete${(raw) => ((raw & r.portStatus.offset) !== 0 ? "+" : "-")}\n`;
const portControlLine = line`\t\tCXLPortCtl:\tUnmaskSBR${p.unmaskBusReset} UnmaskLinkDisable${p.unmaskLinkDisable} AltMem${p.alternateSpace} AltBME${p.alternateBusMaster} ViralEnable${p.viral}\n`;

const PORT_LENGTH = endOf(r.rcrbBaseHigh);

/** The DVSEC for extensions of ports. */
export function portText(capability: CapabilityText, { length }: Designated): string {
  const head = "\t\tCXL Extensions DVSEC for Ports\n";
  if (length < PORT_LENGTH) return head;
  const state =
    portStatusLine(capability.read(r.portStatus)) + portControlLine(capability.read(r.portControl));
  const range = (base: number, limit: number, digits: number) =>
    `\t\tAlternateBus:\t${hex(base, digits)}-${hex(limit, digits)}\n`;
  const buses = range(capability.read(r.alternateBusBase), capability.read(r.alternateBusLimit), 2);
  // The memory has the same name.
  const memory = range(capability.read(r.alternateMemoryBase), capability.read(r.alternateMemoryLimit), 4);
  return head + state + buses + memory;
}

/** The DVSEC for global persistent flush of ports. */
export function gpfPortText(capability: CapabilityText): string {
  const phase1 = gpfTime("GPF Phase 1 Timeout", capability.read(cxlGpfRegisters.gpfPhase1));
  const phase2 = gpfTime("GPF Phase 2 Timeout", capability.read(cxlGpfRegisters.gpfPhase2));
  return `\t\tGPF DVSEC for CXL Ports\n${phase1}${phase2}`;
}

const { fields: a } = r.flexBusCapability;
const { fields: c } = r.flexBusControl;
const { fields: s } = r.flexBusStatus;
const able = line`\t\tFBCap:\tCache${a.cache} IO${a.io} Mem${a.memory} 68BFlit${a.flit68} MltLogDev${a.multipleLogicalDevices}`;
const controls = line`\t\tFBCtl:\tCache${c.cache} IO${c.io} Mem${c.memory} SynHdrByp${c.syncHeaderBypass} DrftBuf${c.driftBuffer} 68BFlit${c.flit68} MltLogDev${c.multipleLogicalDevices} RCD${c.restrictedTrainingDisable} Retimer1${c.retimer1} Retimer2${c.retimer2}`;
const state = line`\t\tFBSta:\tCache${s.cache} IO${s.io} Mem${s.memory} SynHdrByp${s.syncHeaderBypass} DrftBuf${s.driftBuffer} 68BFlit${s.flit68} MltLogDev${s.multipleLogicalDevices}`;
/** The same in all three registers. */
const flits = line` 256BFlit${a.flit256} PBRFlit${a.pbrFlit}`;
const received = line`\t\tFBModTS:\tReceived FB Data: ${hexField(r.flexBusReceived.fields.data, 6)}\n`;
const able2 = line`\t\tFBCap2:\tNOPHint${r.flexBusCapability2.fields.nopHint}\n`;
const controls2 = line`\t\tFBCtl2:\tNOPHint${r.flexBusControl2.fields.nopHint}\n`;
const state2 = line`\t\tFBSta2:\tNOPHintInfo: ${r.flexBusStatus2.fields.nopHint}\n`;

/** Bytes by revision; of later ones lspci does not know them. */
const LAST_FLEX_BUS = endOf(r.flexBusStatus2);
const flexBusLengths: readonly (number | undefined)[] = [
  r.flexBusReceived.offset,
  r.flexBusCapability2.offset,
  LAST_FLEX_BUS,
];

/** The DVSEC for flex bus ports. */
export function flexBusText(capability: CapabilityText, { revision, length }: Designated): string {
  const expected = flexBusLengths[revision] ?? length;
  const wrong = length === expected ? "" : `\t\t<Wrong length for Revision ${revision}>\n`;
  let text = `\t\tPCIe DVSEC for Flex Bus Port\n${wrong}`;
  const first = [
    [able, r.flexBusCapability],
    [controls, r.flexBusControl],
    [state, r.flexBusStatus],
  ] as const;
  for (const [print, register] of first) {
    const raw = capability.read(register);
    text += `${print(raw)}${revision >= 2 ? flits(raw) : ""}\n`;
  }
  if (revision >= 1) text += received(capability.read(r.flexBusReceived));
  if (revision >= 2) {
    text += able2(capability.read(r.flexBusCapability2)) + controls2(capability.read(r.flexBusControl2));
    text += state2(capability.read(r.flexBusStatus2));
  }
  return length > LAST_FLEX_BUS ? `${text}\t\t<?>\n` : text;
}
