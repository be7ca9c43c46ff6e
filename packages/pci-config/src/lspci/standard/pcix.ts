import { pcix } from "../../capabilities/pcix.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { hexField, line, mapField, wordField } from "../line.ts";

const { command, status, secondaryStatus, bridgeStatus, upstreamSplit, downstreamSplit } = pcix.registers;
const { fields: c } = command;
const { fields: s } = status;
const { fields: second } = secondaryStatus;
const { fields: b } = bridgeStatus;
const { fields: split } = upstreamSplit;

const kib = (factor: number) => (power: number) => factor << power;
const splits = ["1", "2", "3", "4", "8", "12", "16", "32"];
const clocks = ["conv", "66MHz", "100MHz", "133MHz"];
// lspci looks at the lower three bits only.
const clock = { ...second.frequency, hi: 8 };

const commandLine = line`\t\tCommand: DPERE${c.dataParityRecovery} ERO${c.relaxedOrdering} RBC=${mapField(c.maximumRead, kib(512))} OST=${wordField(c.maximumSplits, splits, "")}\n`;
const statusLine = line`\t\tStatus: Dev=${hexField(s.bus, 2)}:${hexField(s.device, 2)}.${s.function} 64bit${s.wide} 133MHz${s.capable133MHz} SCD${s.splitDiscarded} USC${s.unexpectedSplit} DC=${wordField(s.bridge, ["simple", "bridge"], "")} DMMRBC=${mapField(s.maximumRead, kib(512))} DMOST=${wordField(s.maximumSplits, splits, "")} DMCRS=${mapField(s.maximumCumulative, kib(8))} RSCEM${s.splitError} 266MHz${s.capable266MHz} 533MHz${s.capable533MHz}\n`;
const secondaryLine = line`\t\tSecondary Status: 64bit${second.wide} 133MHz${second.capable133MHz} SCD${second.splitDiscarded} USC${second.unexpectedSplit} SCO${second.splitOverrun} SRD${second.splitDelayed} Freq=${wordField(clock, clocks, (value) => `?${value}`)}\n`;
const bridgeLine = line`\t\tStatus: Dev=${hexField(b.bus, 2)}:${hexField(b.device, 2)}.${b.function} 64bit${b.wide} 133MHz${b.capable133MHz} SCD${b.splitDiscarded} USC${b.unexpectedSplit} SCO${b.splitOverrun} SRD${b.splitDelayed}\n`;
const splitLine = line`Capacity=${split.capacity} CommitmentLimit=${split.commitmentLimit}\n`;

/** PCI-X, of functions and of bridges. A CardBus bridge cannot have it: there lspci ends in the middle of the line. */
export const pcixText: CapabilityPrinter = (capability) =>
  layouts[capability.headerLayout]?.(capability) ?? "";

/** For each header layout. */
const layouts: readonly CapabilityPrinter[] = [functionText, bridgeText];

function functionText(capability: CapabilityText): string {
  const head = "PCI-X non-bridge device\n";
  if (!capability.verbose || !capability.has(4, 4)) return head;
  return head + commandLine(capability.read(command)) + statusLine(capability.read(status));
}

function bridgeText(capability: CapabilityText): string {
  const head = "PCI-X bridge device\n";
  if (!capability.verbose || !capability.has(4, 12)) return head;
  const state = secondaryLine(capability.read(secondaryStatus)) + bridgeLine(capability.read(bridgeStatus));
  const up = `\t\tUpstream: ${splitLine(capability.read(upstreamSplit))}`;
  return `${head}${state}${up}\t\tDownstream: ${splitLine(capability.read(downstreamSplit))}`;
}
