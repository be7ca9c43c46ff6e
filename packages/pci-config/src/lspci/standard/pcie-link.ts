import { linkRegisters } from "../../capabilities/pcie-link.ts";
import type { CapabilityText } from "../capability-text.ts";
import type { SystemLink } from "../device.ts";
import { fieldOf, line, mapField, wordField } from "../line.ts";
import { isEndpoint, port } from "./port-type.ts";

const r = linkRegisters;
const { fields: cap } = r.linkCapabilities;
const { fields: ctl } = r.linkControl;
const { fields: sta } = r.linkStatus;
const { fields: cap2 } = r.linkCapabilities2;
const { fields: ctl2 } = r.linkControl2;
const { fields: sta2 } = r.linkStatus2;

/** Link speeds by code. lspci has the seventh at 8. */
const speeds: Readonly<Record<number, string>> = {
  1: "2.5GT/s",
  2: "5GT/s",
  3: "8GT/s",
  4: "16GT/s",
  5: "32GT/s",
  6: "64GT/s",
  8: "128GT/s",
};
const speed = (value: number) => speeds[value] ?? "unknown";
const l0sExits = ["<64ns", "<128ns", "<256ns", "<512ns", "<1us", "<2us", "<4us", "unlimited"];
const l1Exits = ["<1us", "<2us", "<4us", "<8us", "<16us", "<32us", "<64us", "unlimited"];
const aspms = ["not supported", "L0s", "L1", "L0s L1"];
const aspmSettings = ["Disabled", "L0s Enabled", "L1 Enabled", "L0s L1 Enabled"];

const l0sExit = line`L0s ${wordField(cap.l0sExitLatency, l0sExits, "")}`;
const l1Exit = line`L1 ${wordField(cap.l1ExitLatency, l1Exits, "")}`;
const exits = [() => "", l0sExit, l1Exit, (raw: number) => `${l0sExit(raw)}, ${l1Exit(raw)}`];

/** How long the states take that are supported. */
function exitText(raw: number): string {
  const support = fieldOf(cap.aspm, raw);
  return support === 0 ? "" : `, Exit Latency ${exits[support]!(raw)}`;
}

const interrupts = line`\t\t\tExtSynch${ctl.extendedSynch} ClockPM${ctl.clockPowerManagement} AutWidDis${ctl.autonomousWidthDisable} BWInt${ctl.bandwidthManagementInterrupt} AutBWInt${ctl.autonomousBandwidthInterrupt}`;

const lines = {
  capabilities: line`\t\tLnkCap:\tPort #${cap.port}, Speed ${mapField(cap.maximumSpeed, speed)}, Width x${cap.maximumWidth}, ASPM ${wordField(cap.aspm, aspms, "")}${exitText}
\t\t\tClockPM${cap.clockPowerManagement} Surprise${cap.surpriseDownReporting} LLActRep${cap.dataLinkActiveReporting} BwNot${cap.bandwidthNotification} ASPMOptComp${cap.aspmOptionality}\n`,
  aspm: line`\t\tLnkCtl:\tASPM ${wordField(ctl.aspm, aspmSettings, "")};`,
  boundary: line` RCB ${mapField(ctl.readCompletionBoundary, (value) => 64 << value)} bytes,`,
  control: line` LnkDisable${ctl.disable} CommClk${ctl.commonClock}\n${interrupts} FltModeDis${ctl.flitModeDisable}\n`,
  restrictedControl: line` Disabled${ctl.disable} CommClk${ctl.commonClock}\n${interrupts}\n`,
  status: line`\t\t\tTrErr${sta.trainingError} Train${sta.training} SlotClk${sta.slotClock} DLActive${sta.dataLinkActive} BWMgmt${sta.bandwidthManagement} ABWMgmt${sta.autonomousBandwidth}\n`,
} as const;

/** Link capabilities, control and status. */
export function linkText(capability: CapabilityText, type: number): string {
  const able = capability.read(r.linkCapabilities);
  const setting = capability.read(r.linkControl);
  const state = capability.read(r.linkStatus);
  const hasBoundary = isEndpoint(type) || type === port.root || type === port.toPci;
  return (
    lines.capabilities(able) +
    lines.aspm(setting) +
    (hasBoundary ? lines.boundary(setting) : "") +
    lines.control(setting) +
    statusText(type, able, state)
  );
}

/** The link of a restricted CXL device, which stands under the device as if it were its own. */
export function restrictedLinkText({ capabilities, control, status }: SystemLink, type: number): string {
  // Without capabilities there is no link.
  if (capabilities === 0) return "";
  const setting = lines.aspm(control) + lines.restrictedControl(control);
  return lines.capabilities(capabilities) + setting + statusText(type, capabilities, status);
}

function statusText(type: number, able: number, state: number): string {
  const compare = (now: number, most: number) => comparison(type, now, most);
  const rate = fieldOf(sta.speed, state);
  const width = fieldOf(sta.width, state);
  return (
    `\t\tLnkSta:\tSpeed ${speed(rate)}${compare(rate, fieldOf(cap.maximumSpeed, able))}` +
    `, Width x${width}${compare(width, fieldOf(cap.maximumWidth, able))}\n` +
    lines.status(state)
  );
}

/** A port that looks down cannot tell whether it is the other end that keeps it slow. */
function comparison(type: number, now: number, most: number): string {
  if (now > most) return " (overdriven)";
  return now === most || looksDown(type) ? "" : " (downgraded)";
}

/** Whether the link leads away from the root. */
function looksDown(type: number): boolean {
  return type === port.root || type === port.downstream || type === port.fromPci;
}

const topSpeeds = ["2.5", "5", "8", "16", "32", "64", "128"];

/** The range of speeds, told by the highest one. */
function speedRange(bits: number): string {
  const top = 31 - Math.clz32(bits);
  if (top < 0) return "Unknown";
  return top === 0 ? "2.5GT/s" : `2.5-${topSpeeds[top]}GT/s`;
}

const margins: Readonly<Record<number, string>> = {
  0: "Normal Operating Range",
  1: "800-1200mV(full-swing)/400-700mV(half-swing)",
  2: "200-400mV(full-swing)/100-200mV(half-swing)",
  3: "200-400mV(full-swing)/100-200mV(half-swing)",
  4: "200-400mV(full-swing)/100-200mV(half-swing)",
  5: "200-400mV(full-swing)/100-200mV(half-swing)",
};
const presets = [
  ...["-6dB de-emphasis, 0dB preshoot", "-3.5dB de-emphasis, 0dB preshoot"],
  ...["-4.4dB de-emphasis, 0dB preshoot", "-2.5dB de-emphasis, 0dB preshoot"],
  ...["0dB de-emphasis, 0dB preshoot", "0dB de-emphasis, 1.9dB preshoot"],
  ...["0dB de-emphasis, 2.5dB preshoot", "-6.0dB de-emphasis, 3.5dB preshoot"],
  ...["-3.5dB de-emphasis, 3.5dB preshoot", "0dB de-emphasis, 3.5dB preshoot"],
];
const deemphases = ["-6dB", "-3.5dB"];
const crosslinks = ["unsupported", "Upstream Port", "Downstream Port", "incomplete"];
const components = [
  ...["Link Down - Not Determined", "Link Down - Not Present", "Link Down - Present", "Reserved"],
  ...["Link Up - Present", "Link Up - Present and DRS Received"],
];

const lines2 = {
  capabilities: line`\t\tLnkCap2: Supported Link Speeds: ${mapField(cap2.speeds, speedRange)}, Crosslink${cap2.crosslink} Retimer${cap2.retimerDetection} 2Retimers${cap2.twoRetimersDetection} DRS${cap2.drs}\n`,
  control: line`\t\tLnkCtl2: Target Link Speed: ${mapField(ctl2.targetSpeed, (value) => (value === 0 ? "2.5GT/s" : (speeds[value] ?? "Unknown")))}, EnterCompliance${ctl2.enterCompliance} SpeedDis${ctl2.autonomousSpeedDisable}`,
  selectable: line`, Selectable De-emphasis: ${wordField(ctl2.selectableDeemphasis, deemphases, "")}`,
  compliance: line`\n\t\t\t Transmit Margin: ${mapField(ctl2.transmitMargin, (value) => margins[value] ?? "Unknown")}, EnterModifiedCompliance${ctl2.enterModifiedCompliance} ComplianceSOS${ctl2.complianceSos}
\t\t\t Compliance Preset/De-emphasis: ${wordField(ctl2.compliancePreset, presets, "Unknown")}\n`,
  status: line`\t\tLnkSta2: Current De-emphasis Level: ${wordField(sta2.deemphasis, deemphases, "")}, EqualizationComplete${sta2.equalizationComplete} EqualizationPhase1${sta2.equalizationPhase1}
\t\t\t EqualizationPhase2${sta2.equalizationPhase2} EqualizationPhase3${sta2.equalizationPhase3} LinkEqualizationRequest${sta2.equalizationRequest}
\t\t\t Retimer${sta2.retimer} 2Retimers${sta2.twoRetimers} CrosslinkRes: ${wordField(sta2.crosslinkResolution, crosslinks, "")}, FltMode${sta2.flitMode}`,
  readiness: line`, DRS${sta2.drsReceived}\n\t\t\t DownstreamComp: ${wordField(sta2.downstreamComponent, components, "Reserved")}`,
} as const;

/** Link capabilities 2, control 2 and status 2. Of the functions of an endpoint only the first controls the link. */
export function link2Text(capability: CapabilityText, type: number): string {
  const able = capability.read(r.linkCapabilities2);
  const state = capability.read(r.linkStatus2);
  const { device, function: fn } = capability.device.address;
  const controls = !isEndpoint(type) || (device === 0 && fn === 0);
  let text = "";
  if (controls && able !== 0) text += lines2.capabilities(able);
  if (controls) text += control2Text(capability, type);
  text += lines2.status(state);
  if (looksDown(type) && fieldOf(cap2.drs, able) === 1) text += lines2.readiness(state);
  return `${text}\n`;
}

function control2Text(capability: CapabilityText, type: number): string {
  const setting = capability.read(r.linkControl2);
  const selectable = type === port.downstream ? lines2.selectable(setting) : "";
  return `${lines2.control(setting)}${selectable}${lines2.compliance(setting)}`;
}
