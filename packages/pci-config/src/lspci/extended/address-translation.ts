import { addressTranslation, pageRequest, pasid } from "../../capabilities/address-translation.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { hex, hexField, line } from "../line.ts";

const { registers: ats } = addressTranslation;
const { registers: pri } = pageRequest;
const { capabilities: spaces, control: use } = pasid.registers;
const { fields: ctl } = pri.control;
const { fields: sta } = pri.status;

const lines = {
  translation: line`\t\tATSCap:\tInvalidate Queue Depth: ${hexField(ats.capabilities.fields.queueDepth, 2)}\n`,
  translate: line`\t\tATSCtl:\tEnable${ats.control.fields.enable}, Smallest Translation Unit: ${hexField(ats.control.fields.smallestUnit, 2)}\n`,
  request: line`\t\tPRICtl: Enable${ctl.enable} Reset${ctl.reset}\n`,
  requestStatus: line`\t\tPRISta: RF${sta.responseFailure} UPRGI${sta.unexpectedGroup} Stopped${sta.stopped} PASID${sta.pasidRequired}\n`,
  spaces: line`\t\tPASIDCap: Exec${spaces.fields.execute} Priv${spaces.fields.privileged}, Max PASID Width: ${hexField(spaces.fields.width, 2)}\n`,
  use: line`\t\tPASIDCtl: Enable${use.fields.enable} Exec${use.fields.execute} Priv${use.fields.privileged}\n`,
} as const;

/** Address translation services. */
export const addressTranslationText: CapabilityPrinter = (capability) => {
  const head = "Address Translation Service (ATS)\n";
  if (!capability.verbose || !capability.has(ats.capabilities.offset, 4)) return head;
  return (
    head +
    lines.translation(capability.read(ats.capabilities)) +
    lines.translate(capability.read(ats.control))
  );
};

/** Page requests. */
export const pageRequestText: CapabilityPrinter = (capability) => {
  const head = "Page Request Interface (PRI)\n";
  if (!capability.verbose || !capability.has(pri.control.offset, 12)) return head;
  const capacity = hex(capability.read(pri.capacity), 8);
  const allocation = hex(capability.read(pri.allocation), 8);
  return (
    head +
    lines.request(capability.read(pri.control)) +
    lines.requestStatus(capability.read(pri.status)) +
    `\t\tPage Request Capacity: ${capacity}, Page Request Allocation: ${allocation}\n`
  );
};

/** Process address spaces. */
export const pasidText: CapabilityPrinter = (capability) => {
  const head = "Process Address Space ID (PASID)\n";
  if (!capability.verbose || !capability.has(spaces.offset, 4)) return head;
  return head + lines.spaces(capability.read(spaces)) + lines.use(capability.read(use));
};
