import { commonHeader, type0Header } from "../header.ts";
import type { PrintedDevice } from "./capability-text.ts";
import type { ConfigBytes } from "./config-bytes.ts";
import { fieldOf, ifSet, line, wordField } from "./line.ts";

const { fields: command } = commonHeader.command;
const { fields: status } = commonHeader.status;
const { fields: bist } = commonHeader.bist;

/** Words for DEVSEL timing. */
export const timings = ["fast", "medium", "slow"];

const controlLine = line`\tControl: I/O${command.io} Mem${command.memory} BusMaster${command.busMaster} SpecCycle${command.specialCycles} MemWINV${command.memoryWriteInvalidate} VGASnoop${command.vgaPaletteSnoop} ParErr${command.parityErrorResponse} Stepping${command.addressStepping} SERR${command.systemError} FastB2B${command.fastBackToBack} DisINTx${command.interruptDisable}\n`;

const statusLine = line`\tStatus: Cap${status.capabilitiesList} 66MHz${status.capable66MHz} UDF${status.userDefinable} FastB2B${status.fastBackToBackCapable} ParErr${status.masterDataParityError} DEVSEL=${wordField(status.deviceSelectTiming, timings, "??")} >TAbort${status.signaledTargetAbort} <TAbort${status.receivedTargetAbort} <MAbort${status.receivedMasterAbort} >SERR${status.signaledSystemError} <PERR${status.detectedParityError} INTx${status.interruptStatus}\n`;

const commandFlags = line`${ifSet(command.busMaster, "bus master, ")}${ifSet(command.vgaPaletteSnoop, "VGA palette snoop, ")}${ifSet(command.addressStepping, "stepping, ")}${ifSet(command.fastBackToBack, "fast Back2Back, ")}`;

const statusFlags = line`${ifSet(status.capable66MHz, "66MHz, ")}${ifSet(status.userDefinable, "user-definable features, ")}${wordField(status.deviceSelectTiming, timings, "??")} devsel`;

/** `Control`, `Status`, latency and interrupt, or with `-v` alone the one line of flags; then what the system says. */
export function stateText(printed: PrintedDevice): string {
  const { config, options } = printed;
  const bits = config.read16(commonHeader.command.offset);
  const state = config.read16(commonHeader.status.offset);
  if (options.verbosity > 1) {
    return (
      controlLine(bits) +
      statusLine(state) +
      latencyText(config, bits) +
      interruptText(printed, bits) +
      membershipText(printed)
    );
  }
  const interrupt = interruptOf(printed);
  const latency = bits & 4 ? `, latency ${config.read8(commonHeader.latencyTimer.offset)}` : "";
  const irq = interrupt === 0 ? "" : `, IRQ ${interrupt}`;
  const system = membership(printed).map(([name, value]) => `, ${name} ${value}`);
  return `\tFlags: ${commandFlags(bits)}${statusFlags(state)}${latency}${irq}${system.join("")}\n`;
}

/** What of the system a device belongs to. */
function membership({ device }: PrintedDevice): readonly (readonly [name: string, value: string | number])[] {
  const { numaNode, iommuGroup } = device.system ?? {};
  const node = numaNode === undefined ? [] : [["NUMA node", numaNode] as const];
  return iommuGroup === undefined ? node : [...node, ["IOMMU group", iommuGroup]];
}

/** The lines of {@link membership}, which `-v` alone has among the flags. */
export function membershipText(printed: PrintedDevice): string {
  if (printed.options.verbosity < 2) return "";
  return membership(printed)
    .map(([name, value]) => `\t${name}: ${value}\n`)
    .join("");
}

/** Latency timer and cache line size, of what may be master of the bus. */
function latencyText(config: ConfigBytes, bits: number): string {
  if ((bits & 4) === 0) return "";
  const isEndpoint = (config.read8(commonHeader.headerType.offset) & 0x7f) === 0;
  const limits = [
    ["min", isEndpoint ? config.read8(type0Header.minimumGrant.offset) : 0],
    ["max", isEndpoint ? config.read8(type0Header.maximumLatency.offset) : 0],
  ] as const;
  const grants = limits.filter(([, value]) => value > 0).map(([name, value]) => `${value * 250}ns ${name}`);
  const cacheLine = config.read8(commonHeader.cacheLineSize.offset);
  const cache = cacheLine === 0 ? "" : `, Cache Line Size: ${cacheLine * 4} bytes`;
  const latency = config.read8(commonHeader.latencyTimer.offset);
  return `\tLatency: ${latency}${grants.length === 0 ? "" : ` (${grants.join(", ")})`}${cache}\n`;
}

function interruptOf({ config, device, options }: PrintedDevice): number {
  const line = config.read8(commonHeader.interruptLine.offset);
  return options.busCentric ? line : (device.system?.irq ?? line);
}

function interruptText(printed: PrintedDevice, bits: number): string {
  const routes = [pinText(printed, bits), messageText(printed)].filter((text) => text !== "");
  return routes.length === 0 ? "" : `\tInterrupts: ${routes.join(", ")}\n`;
}

/** Where the interrupt line goes, if there is one. */
function pinText(printed: PrintedDevice, bits: number): string {
  const pin = printed.config.read8(commonHeader.interruptPin.offset);
  const irq = interruptOf(printed);
  const disabled = fieldOf(command.interruptDisable, bits) === 1;
  if (pin === 0) return irq === 0 || disabled ? "" : `unknown pin routed to IRQ ${irq}`;
  // lspci 3.15 names the pin one letter too far: B for INTA.
  const name = pin < 5 ? "ABCDE"[pin] : `#${pin}`;
  return `pin ${name}${disabled ? " disabled" : irq === 0 ? "" : ` routed to IRQ ${irq}`}`;
}

/** Where messages go, as ranges: `25-27, 30`. */
function messageText({ device }: PrintedDevice): string {
  const irqs = [...(device.system?.messageIrqs ?? [])].sort((a, b) => a - b);
  const ranges: [first: number, last: number][] = [];
  for (const irq of irqs) {
    const open = ranges.at(-1);
    if (open && irq === open[1] + 1) open[1] = irq;
    else ranges.push([irq, irq]);
  }
  const texts = ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  return texts.length === 0 ? "" : `MSI(X) routed to IRQ ${texts.join(", ")}`;
}

/** The self-test's result. */
export function bistText(config: ConfigBytes): string {
  const bits = config.read8(commonHeader.bist.offset);
  if (fieldOf(bist.capable, bits) === 0) return "";
  if (fieldOf(bist.start, bits) === 1) return "\tBIST is running\n";
  return `\tBIST result: 0${fieldOf(bist.completionCode, bits).toString(16)}\n`;
}
