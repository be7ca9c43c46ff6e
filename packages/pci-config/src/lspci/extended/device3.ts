import { device3 } from "../../capabilities/device3.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { fieldOf, line, wordField } from "../line.ts";
import { widthField } from "./flit-words.ts";

const r = device3.registers;
const { fields: cap } = r.deviceCapabilities3;
const { fields: ctl } = r.deviceControl3;
const { fields: sta } = r.deviceStatus3;

const latencies = [
  "Less than 1us",
  "1us to less than 2us",
  "2us to less than 4us",
  "4us to less than 8us",
  "8us to less than 16us",
  "16us to less than 32us",
  "32us-64us",
  "More than 64us",
];
const exits = line`, Port L0p Exit Latency: ${wordField(cap.portL0pExitLatency, latencies, "")}, Retimer L0p Exit Latency: ${wordField(cap.retimerL0pExitLatency, latencies, "")}`;
const exitText = (raw: number) => (fieldOf(cap.l0p, raw) === 1 ? exits(raw) : "");
const boundary = (raw: number) => (fieldOf(ctl.boundary256Disable, raw) === 1 ? "-" : "+");

const capabilitiesLine = line`\t\tDevCap3: DMWr Request Routing${cap.deferrableWriteRouting}, 14-Bit Tag Completer${cap.tag14Completer}, 14-Bit Tag Requester${cap.tag14Requester}
\t\t\t L0p${cap.l0p}${exitText}
\t\t\t UIO Mem RdWr Completer${cap.unorderedCompleter}, UIO Mem RdWr Requester${cap.unorderedRequester}\n`;
const controlLine = line`\t\tDevCtl3: DMWr Requester${ctl.deferrableWriteRequester}, DMWr Egress Blocking${ctl.deferrableWriteEgressBlocking}, 14-Bit Tag Requester${ctl.tag14Requester}
\t\t\t L0p${ctl.l0p}, Target Link Width: ${widthField(ctl.targetWidth)}
\t\t\t UIO Mem RdWr Requester${ctl.unorderedRequester}, UIO Request 256B Boundary${boundary}\n`;
const statusLine = line`\t\tDevSta3: Initial Link Width: ${widthField(sta.initialWidth)}, Segment Captured${sta.segmentCaptured}, Remote L0p${sta.remoteL0p}\n`;

/** Device 3, as far as its registers can be read; of the last two lspci reads the lower half. */
export const device3Text: CapabilityPrinter = (capability) => {
  let text = "Device 3\n";
  if (!capability.verbose) return text;
  const { deviceCapabilities3: able, deviceControl3: control, deviceStatus3: status } = r;
  if (!capability.has(able.offset, 4)) return text;
  text += capabilitiesLine(capability.read(able));
  if (!capability.has(control.offset, 2)) return text;
  text += controlLine(capability.read16(control.offset));
  if (!capability.has(status.offset, 2)) return text;
  return text + statusLine(capability.read16(status.offset));
};
