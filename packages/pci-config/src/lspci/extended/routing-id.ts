import { alternativeRoutingId } from "../../capabilities/routing-id.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { line } from "../line.ts";

const { capabilities, control } = alternativeRoutingId.registers;
const { fields: cap } = capabilities;
const { fields: ctl } = control;

const lines = {
  capabilities: line`\t\tARICap:\tMFVC${cap.vcFunctionGroups} ACS${cap.acsFunctionGroups}, Next Function: ${cap.nextFunction}\n`,
  control: line`\t\tARICtl:\tMFVC${ctl.vcFunctionGroups} ACS${ctl.acsFunctionGroups}, Function Group: ${ctl.functionGroup}\n`,
} as const;

/** Alternative routing-ID interpretation. */
export const routingIdText: CapabilityPrinter = (capability) => {
  const head = "Alternative Routing-ID Interpretation (ARI)\n";
  if (!capability.verbose || !capability.hasFrom(capabilities, control)) return head;
  return head + lines.capabilities(capability.read(capabilities)) + lines.control(capability.read(control));
};
