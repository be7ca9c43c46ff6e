import { downstreamContainment } from "../../capabilities/downstream-containment.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { hex, hexField, ifSet, line } from "../line.ts";

const r = downstreamContainment.registers;
const { fields: cap } = r.capabilities;
const { fields: ctl } = r.control;
const { fields: sta } = r.status;

const lines = {
  capabilities: line`\t\tDpcCap:\tIntMsgNum ${cap.interruptMessage}, RPExt${cap.rootExtensions} PoisonedTLP${cap.poisonedBlocking} SwTrigger${cap.softwareTrigger} RP PIO Log ${cap.logSize}, DL_ActiveErr${cap.activeSignaling}\n`,
  control: line`\t\tDpcCtl:\tTrigger:${hexField(ctl.trigger, 1)} Cmpl${ifSet(ctl.completion, "+", "-")} INT${ctl.interrupt} ErrCor${ctl.errorCorrectable} PoisonedTLP${ctl.poisonedBlocking} SwTrigger${ctl.softwareTrigger} DL_ActiveErr${ctl.activeSignaling}\n`,
  status: line`\t\tDpcSta:\tTrigger${sta.triggered} Reason:${hexField(sta.reason, 2)} INT${sta.interrupt} RPBusy${sta.rootBusy} TriggerExt:${hexField(sta.reasonExtension, 2)} RP PIO ErrPtr:${hexField(sta.firstError, 2)}\n`,
} as const;

/** Downstream port containment. */
export const downstreamContainmentText: CapabilityPrinter = (capability) => {
  const head = "Downstream Port Containment\n";
  if (!capability.verbose || !capability.hasFrom(r.capabilities, r.errorSource)) return head;
  return (
    head +
    lines.capabilities(capability.read(r.capabilities)) +
    lines.control(capability.read(r.control)) +
    lines.status(capability.read(r.status)) +
    `\t\tSource:\t${hex(capability.read(r.errorSource), 4)}\n`
  );
};
