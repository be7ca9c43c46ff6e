import { portRegisters } from "../../capabilities/pcie-port.ts";
import type { CapabilityText } from "../capability-text.ts";
import { fieldOf, hexField, line, wordField } from "../line.ts";
import { powerLimit } from "./power-limit.ts";

const r = portRegisters;
const { fields: cap } = r.slotCapabilities;
const { fields: ctl } = r.slotControl;
const { fields: sta } = r.slotStatus;
const { fields: rootControl } = r.rootControl;
const { fields: rootCapabilities } = r.rootCapabilities;
const { fields: rootStatus } = r.rootStatus;

const indicators = ["Unknown", "On", "Blink", "Off"];
const limit = (raw: number) =>
  powerLimit(fieldOf(cap.powerLimitValue, raw), fieldOf(cap.powerLimitScale, raw));

const slotCapabilities = line`\t\tSltCap:\tAttnBtn${cap.attentionButton} PwrCtrl${cap.powerController} MRL${cap.mrlSensor} AttnInd${cap.attentionIndicator} PwrInd${cap.powerIndicator} HotPlug${cap.hotPlug} Surprise${cap.hotPlugSurprise}
\t\t\tSlot #${cap.slot}, PowerLimit ${limit}; Interlock${cap.interlock} NoCompl${cap.noCommandCompleted}\n`;
const slotControl = line`\t\tSltCtl:\tEnable: AttnBtn${ctl.attentionButtonEvent} PwrFlt${ctl.powerFaultEvent} MRL${ctl.mrlSensorEvent} PresDet${ctl.presenceEvent} CmdCplt${ctl.commandCompletedInterrupt} HPIrq${ctl.hotPlugInterrupt} LinkChg${ctl.linkStateEvent}
\t\t\tControl: AttnInd ${wordField(ctl.attentionIndicator, indicators, "")}, PwrInd ${wordField(ctl.powerIndicator, indicators, "")}, Power${ctl.powerOff} Interlock${ctl.interlock}\n`;
const slotStatus = line`\t\tSltSta:\tStatus: AttnBtn${sta.attentionButton} PowerFlt${sta.powerFault} MRL${sta.mrlOpen} CmdCplt${sta.commandCompleted} PresDet${sta.present} Interlock${sta.interlocked}
\t\t\tChanged: MRL${sta.mrlSensorChanged} PresDet${sta.presenceChanged} LinkState${sta.linkStateChanged}\n`;

/** Slot capabilities, control and status. */
export function slotText(capability: CapabilityText): string {
  return (
    slotCapabilities(capability.read(r.slotCapabilities)) +
    slotControl(capability.read(r.slotControl)) +
    slotStatus(capability.read(r.slotStatus))
  );
}

const capabilitiesLine = line`\t\tRootCap: CRSVisible${rootCapabilities.retryVisibility}\n`;
const controlLine = line`\t\tRootCtl: ErrCorrectable${rootControl.systemErrorOnCorrectable} ErrNon-Fatal${rootControl.systemErrorOnNonFatal} ErrFatal${rootControl.systemErrorOnFatal} PMEIntEna${rootControl.pmeInterrupt} CRSVisible${rootControl.retryVisibility}\n`;
const statusLine = line`\t\tRootSta: PME ReqID ${hexField(rootStatus.pmeRequester, 4)}, PMEStatus${rootStatus.pmeStatus} PMEPending${rootStatus.pmePending}\n`;

/** Root capabilities, control and status. */
export function rootText(capability: CapabilityText): string {
  return (
    capabilitiesLine(capability.read(r.rootCapabilities)) +
    controlLine(capability.read(r.rootControl)) +
    statusLine(capability.read(r.rootStatus))
  );
}
