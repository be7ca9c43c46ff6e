import { virtualChannel } from "../../capabilities/virtual-channel.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, hexField, line, mapField, wordField } from "../line.ts";

const r = virtualChannel.registers;
const { fields: cap1 } = r.capabilities1;
const { fields: cap2 } = r.capabilities2;
const { fields: control } = r.control;
const { channels } = virtualChannel.lists;
const { registers: channel } = channels;
const { fields: cap } = channel.capabilities;
const { fields: ctl } = channel.control;
const { fields: sta } = channel.status;

const unknown = (value: number) => `??${value}`;
const clocks = ["100ns"];
const arbitrations = ["Fixed", "WRR32", "WRR64", "WRR128"];
const portArbitrations = [...arbitrations, "TWRR128", "WRR256"];

/** Kinds of arbitration that have a bit, but no name. */
const unnamed = (first: number) => (raw: number) => {
  let text = "";
  for (let bit = first; bit < 8; bit++) if (raw & (1 << bit)) text += ` ??${bit}+`;
  return text;
};

const lines = {
  capabilities: line`\t\tCaps:\tLPEVC=${cap1.lowPriorityChannels} RefClk=${wordField(cap1.referenceClock, clocks, unknown)} PATEntryBits=${mapField(cap1.tableEntrySize, (value) => 1 << value)}\n`,
  arbitration: line`\t\tArb:\tFixed${cap2.fixed} WRR32${cap2.weighted32} WRR64${cap2.weighted64} WRR128${cap2.weighted128}${unnamed(4)}\n`,
  control: line`\t\tCtrl:\tArbSelect=${wordField(control.arbitration, arbitrations, unknown)}\n`,
  status: line`\t\tStatus:\tInProgress${r.status.fields.tablePending}\n`,
  channel: line`Caps:\tPATOffset=${hexField(cap.tableOffset, 2)} MaxTimeSlots=${mapField(cap.maximumTimeSlots, (value) => value + 1)} RejSnoopTrans${cap.rejectSnoop}
\t\t\tArb:\tFixed${cap.fixed} WRR32${cap.weighted32} WRR64${cap.weighted64} WRR128${cap.weighted128} TWRR128${cap.timed128} WRR256${cap.weighted256}${unnamed(6)}\n`,
  channelControl: line`\t\t\tCtrl:\tEnable${ctl.enable} ID=${ctl.channelId} ArbSelect=${wordField(ctl.arbitration, portArbitrations, unknown)} TC/VC=${hexField(ctl.trafficClasses, 2)}\n`,
  channelStatus: line`\t\t\tStatus:\tNegoPending${sta.negotiationPending} InProgress${sta.tablePending}\n`,
} as const;

/** What lspci reads at once: up to the end of the first channel. */
const READ = {
  at: r.capabilities1.offset,
  length: channels.first + channels.stride - r.capabilities1.offset,
};

/** Virtual channels. */
export const virtualChannelText: CapabilityPrinter = (capability) => {
  const head = "Virtual Channel\n";
  if (!capability.verbose || !capability.has(READ.at, READ.length)) return head;
  const able = capability.read(r.capabilities1);
  const arbitration = capability.read(r.capabilities2);
  const table = fieldOf(cap2.tableOffset, arbitration);
  let text =
    head +
    lines.capabilities(able) +
    lines.arbitration(arbitration) +
    lines.control(capability.read(r.control)) +
    lines.status(capability.read(r.status));
  if (table !== 0) {
    text += `\t\tPort Arbitration Table [${hex(capability.offset + 16 * table, 1)}] <?>\n`;
  }
  for (let index = 0; index <= fieldOf(cap1.extendedChannels, able); index++) {
    text += `\t\tVC${index}:\t${channelText(capability, channels.first + channels.stride * index)}`;
  }
  return text;
};

function channelText(capability: CapabilityText, at: number): string {
  if (!capability.has(at, channels.stride)) return "<unreadable>\n";
  const able = capability.read32(at + channel.capabilities.offset);
  const table = fieldOf(cap.tableOffset, able) === 0 ? "" : "\t\t\tPort Arbitration Table <?>\n";
  return (
    lines.channel(able) +
    lines.channelControl(capability.read32(at + channel.control.offset)) +
    lines.channelStatus(capability.read16(at + channel.status.offset)) +
    table
  );
}
