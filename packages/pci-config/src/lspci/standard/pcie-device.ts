import { deviceRegisters } from "../../capabilities/pcie-device.ts";
import type { CapabilityText } from "../capability-text.ts";
import { fieldOf, line, mapField, wordField } from "../line.ts";
import { hasMemory } from "../regions.ts";
import { isEndpoint, port } from "./port-type.ts";
import { powerLimit } from "./power-limit.ts";

const r = deviceRegisters;
const { fields: cap } = r.deviceCapabilities;
const { fields: ctl } = r.deviceControl;
const { fields: sta } = r.deviceStatus;
const { fields: cap2 } = r.deviceCapabilities2;
const { fields: ctl2 } = r.deviceControl2;

const bytes = (power: number) => 128 << power;
const l0sLatencies = ["<64ns", "<128ns", "<256ns", "<512ns", "<1us", "<2us", "<4us", "unlimited"];
const l1Latencies = ["<1us", "<2us", "<4us", "<8us", "<16us", "<32us", "<64us", "unlimited"];

const lines = {
  capabilities: line`\t\tDevCap:\tMaxPayload ${mapField(cap.maximumPayload, bytes)} bytes, PhantFunc ${mapField(cap.phantomFunctions, (bits) => (1 << bits) - 1)}`,
  latency: line`, Latency L0s ${wordField(cap.l0sLatency, l0sLatencies, "")}, L1 ${wordField(cap.l1Latency, l1Latencies, "")}`,
  extendedTag: line`\n\t\t\tExtTag${cap.extendedTag}`,
  indicators: line` AttnBtn${cap.attentionButton} AttnInd${cap.attentionIndicator} PwrInd${cap.powerIndicator}`,
  roleBased: line` RBE${cap.roleBasedErrors}`,
  reset: line` FLReset${cap.functionLevelReset}`,
  powerLimit: line` SlotPowerLimit ${(raw) => powerLimit(fieldOf(cap.powerLimitValue, raw), fieldOf(cap.powerLimitScale, raw))}`,
  trustedIo: line` TEE-IO${cap.trustedIo}\n`,
  control: line`\t\tDevCtl:\tCorrErr${ctl.reportCorrectable} NonFatalErr${ctl.reportNonFatal} FatalErr${ctl.reportFatal} UnsupReq${ctl.reportUnsupportedRequest}
\t\t\tRlxdOrd${ctl.relaxedOrdering} ExtTag${ctl.extendedTag} PhantFunc${ctl.phantomFunctions} AuxPwr${ctl.auxiliaryPower} NoSnoop${ctl.noSnoop}`,
  retry: line` BrConfRtry${ctl.functionLevelReset}`,
  doReset: line` FLReset${ctl.functionLevelReset}`,
  sizes: line`\n\t\t\tMaxPayload ${mapField(ctl.maximumPayload, bytes)} bytes, MaxReadReq ${mapField(ctl.maximumReadRequest, bytes)} bytes\n`,
  status: line`\t\tDevSta:\tCorrErr${sta.correctableError} NonFatalErr${sta.nonFatalError} FatalErr${sta.fatalError} UnsupReq${sta.unsupportedRequest} AuxPwr${sta.auxiliaryPower} TransPend${sta.transactionsPending}\n`,
} as const;

/** Device capabilities, control and status. */
export function deviceText(capability: CapabilityText, type: number): string {
  const able = capability.read(r.deviceCapabilities);
  const setting = capability.read(r.deviceControl);
  const resets = isEndpoint(type) || type === port.integratedEndpoint;
  const fromSlot = type === port.endpoint || type === port.upstream || type === port.toPci;
  let text = lines.capabilities(able);
  if (isEndpoint(type)) text += lines.latency(able);
  text += lines.extendedTag(able);
  if (fromSlot || type === port.legacyEndpoint) text += lines.indicators(able);
  text += lines.roleBased(able);
  if (resets) text += lines.reset(able);
  if (fromSlot) text += lines.powerLimit(able);
  text += lines.trustedIo(able) + lines.control(setting);
  if (type === port.toPci) text += lines.retry(setting);
  if (resets && fieldOf(cap.functionLevelReset, able) === 1) text += lines.doReset(setting);
  return text + lines.sizes(setting) + lines.status(capability.read(r.deviceStatus));
}

const ranges: Readonly<Record<number, string>> = {
  0: "Not Supported",
  1: "Range A",
  2: "Range B",
  3: "Range AB",
  6: "Range BC",
  7: "Range ABC",
  14: "Range BCD",
  15: "Range ABCD",
};
const timeouts: Readonly<Record<number, string>> = {
  0: "50us to 50ms",
  1: "50us to 100us",
  2: "1ms to 10ms",
  5: "16ms to 55ms",
  6: "65ms to 210ms",
  9: "260ms to 900ms",
  10: "1s to 3.5s",
  13: "4s to 13s",
  14: "17s to 64s",
};
const obffs = ["Not Supported", "Via message", "Via WAKE#", "Via message/WAKE#"];
const obffSettings = ["Disabled", "Via message A", "Via message B", "Via WAKE#"];
const reductions = ["Not Supported", "Dev Specific", "Form Factor Dev Specific", "Reserved"];
const cacheLines = ["Not Supported", "64byte cachelines", "128byte cachelines", "Reserved"];
const hints = ["TPHComp- ExtTPHComp-", "TPHComp+ ExtTPHComp-", "", "TPHComp+ ExtTPHComp+"];
const prefixes = (raw: number) =>
  fieldOf(cap2.endToEndPrefix, raw) === 1
    ? `+, MaxEETLPPrefixes ${fieldOf(cap2.endToEndPrefixes, raw) || 4}`
    : "-";

const lines2 = {
  capabilities: line`\t\tDevCap2: Completion Timeout: ${mapField(cap2.completionTimeoutRanges, (value) => ranges[value] ?? "Unknown")}, TimeoutDis${cap2.completionTimeoutDisable} NROPrPrP${cap2.noRelaxedOrderingPassing} LTR${cap2.latencyTolerance}
\t\t\t 10BitTagComp${cap2.tag10Completer} 10BitTagReq${cap2.tag10Requester} OBFF ${wordField(cap2.obff, obffs, "")}, ExtFmt${cap2.extendedFmt} EETLPPrefix${prefixes}
\t\t\t EmergencyPowerReduction ${wordField(cap2.emergencyPowerReduction, reductions, "")}, EmergencyPowerReductionInit${cap2.emergencyPowerInitialization}
\t\t\t FRS${cap2.frs}`,
  cacheLine: line` LN System CLS ${wordField(cap2.lnSystem, cacheLines, "")},`,
  hints: line` ${wordField(cap2.tphCompleter, hints, "")}`,
  forwarding: line` ARIFwd${cap2.ariForwarding}`,
  atomicRouting: line` Routing${cap2.atomicRouting}`,
  atomics: line` 32bit${cap2.atomic32} 64bit${cap2.atomic64} 128bitCAS${cap2.compareAndSwap128}`,
  control: line`\t\tDevCtl2: Completion Timeout: ${mapField(ctl2.completionTimeout, (value) => timeouts[value] ?? "Unknown")}, TimeoutDis${ctl2.completionTimeoutDisable}`,
  doForward: line` ARIFwd${ctl2.ariForwarding}`,
  atomicRequests: line` ReqEn${ctl2.atomicRequester}`,
  atomicBlocking: line` EgressBlck${ctl2.atomicEgressBlocking}`,
  more: line`\t\t\t IDOReq${ctl2.idoRequest} IDOCompl${ctl2.idoCompletion} LTR${ctl2.latencyTolerance} EmergencyPowerReductionReq${ctl2.emergencyPowerReduction}
\t\t\t 10BitTagReq${ctl2.tag10Requester} OBFF ${wordField(ctl2.obff, obffSettings, "")}, EETLPPrefixBlk${ctl2.endToEndPrefixBlocking}\n`,
} as const;

/** Device capabilities 2 and control 2. */
export function device2Text(capability: CapabilityText, type: number): string {
  const able = capability.read(r.deviceCapabilities2);
  const setting = capability.read(r.deviceControl2);
  const routes = type === port.root || type === port.upstream || type === port.downstream;
  const forwards = type === port.root || type === port.downstream;
  let text = lines2.capabilities(able);
  if (type === port.root) text += lines2.cacheLine(able);
  if (type === port.root || type === port.endpoint) text += lines2.hints(able);
  if (forwards) text += lines2.forwarding(able);
  text += "\n";
  const completes = type === port.root || hasMemory(capability);
  if (routes || completes) {
    const routing = routes ? lines2.atomicRouting(able) : "";
    text += `\t\t\t AtomicOpsCap:${routing}${completes ? lines2.atomics(able) : ""}\n`;
  }
  text += `${lines2.control(setting)}${forwards ? lines2.doForward(setting) : ""}\n`;
  return text + atomicText(type, setting, routes) + lines2.more(setting);
}

function atomicText(type: number, setting: number, routes: boolean): string {
  const requests = isEndpoint(type) || type === port.root || type === port.integratedEndpoint;
  if (!requests && !routes) return "";
  const request = requests ? lines2.atomicRequests(setting) : "";
  return `\t\t\t AtomicOpsCtl:${request}${routes ? lines2.atomicBlocking(setting) : ""}\n`;
}
