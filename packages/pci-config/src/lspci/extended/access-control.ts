import { accessControl } from "../../capabilities/access-control.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { line } from "../line.ts";

const { capabilities, control } = accessControl.registers;
const { fields: c } = control;

const controls = line`:\tSrcValid${c.sourceValidation} TransBlk${c.translationBlocking} ReqRedir${c.requestRedirect} CmpltRedir${c.completionRedirect} UpstreamFwd${c.upstreamForwarding} EgressCtrl${c.egressControl} DirectTrans${c.directTranslated}\n`;

/** Access control services. */
export const accessControlText: CapabilityPrinter = (capability) => {
  const head = "Access Control Services\n";
  if (!capability.verbose || !capability.hasFrom(capabilities, control)) return head;
  // The bits of both registers are the same ones.
  const able = controls(capability.read(capabilities));
  return `${head}\t\tACSCap${able}\t\tACSCtl${controls(capability.read(control))}`;
};
