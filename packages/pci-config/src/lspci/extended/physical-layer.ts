import { physicalLayer16, physicalLayer32, physicalLayer64 } from "../../capabilities/physical-layer.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { type Line, line, wordField } from "../line.ts";

const { fields: s16 } = physicalLayer16.registers.status;
const { capabilities, control, status } = physicalLayer32.registers;
const { fields: cap } = capabilities;
const { fields: ctl } = control;
const { fields: s32 } = status;
const { fields: s64 } = physicalLayer64.registers.status;

const equalization: Line = line` EquComplete${s16.complete} EquPhase1${s16.phase1} EquPhase2${s16.phase2} EquPhase3${s16.phase3} LinkEquRequest${s16.request}\n`;

const modes = ["PCI Express", "Training Set Messages", "Alternate Protocol Negotiation"];
const behaviors = [
  "Full Equalization required",
  "Equalization bypass to highest rate support",
  "No Equalization Needed",
  "Modified TS1/TS2 Ordered Sets supported",
];

const lines = {
  capabilities: line`\t\tPhy32Cap: EqualizationBypass${cap.bypass} NoEqualizationNeeded${cap.noEqualizationNeeded}
\t\t\t  ModTsMode0${cap.usageMode0} ModTsMode1${cap.usageMode1} ModTsMode2${cap.usageMode2}\n`,
  control: line`\t\tPhy32Ctl: EqualizationBypassDis${ctl.bypassDisable} NoEqualizationNeededDis${ctl.noEqualizationNeededDisable}
\t\t\t  Modified TS Usage Mode: ${wordField(ctl.usageMode, modes, (value) => `??${value}`)}\n`,
  status32: line`\t\tPhy32Sta:${equalization}\t\t\t  Received Enhanced Link Behavior Control: ${wordField(s32.enhancedBehavior, behaviors, "")}
\t\t\t  ModTsRecv${s32.modifiedReceived} TxPrecodeOn${s32.precodingOn} TxPrecodeReq${s32.precodeRequest} NoEqualizationNeededRecv${s32.noEqualizationNeededReceived}\n`,
  status64: line`\t\tPhy64Sta:${equalization}\t\t\t  TxPrecodeOn${s64.precodingOn} TxPrecodeReq${s64.precodeRequest} NoEqualizationNeededRecv${s64.noEqualizationNeededReceived}\n`,
} as const;

/** Bytes that lspci reads from byte 4 on. */
const LENGTH_16 = 0x18;
const LENGTH_32 = 0x1c;
const LENGTH_64 = 0x0c;
const UNREADABLE = "\t\t<unreadable>\n";

/** Physical layer at 16 GT/s. */
export const physicalLayer16Text: CapabilityPrinter = (capability) => {
  const head = "Physical Layer 16.0 GT/s\n";
  if (!capability.verbose) return head;
  if (!capability.has(4, LENGTH_16)) return head + UNREADABLE;
  return `${head}\t\tPhy16Sta:${equalization(capability.read(physicalLayer16.registers.status))}`;
};

/** Physical layer at 32 GT/s. */
export const physicalLayer32Text: CapabilityPrinter = (capability) => {
  const head = "Physical Layer 32.0 GT/s\n";
  if (!capability.verbose) return head;
  if (!capability.has(4, LENGTH_32)) return head + UNREADABLE;
  const able = lines.capabilities(capability.read(capabilities));
  const setting = lines.control(capability.read(control));
  return head + able + setting + lines.status32(capability.read(status));
};

/** Physical layer at 64 GT/s. */
export const physicalLayer64Text: CapabilityPrinter = (capability) => {
  const head = "Physical Layer 64.0 GT/s\n";
  if (!capability.verbose) return head;
  if (!capability.has(4, LENGTH_64)) return head + UNREADABLE;
  return head + lines.status64(capability.read(physicalLayer64.registers.status));
};
