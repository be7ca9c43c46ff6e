import { addressTranslation } from "../../capabilities/address-translation.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { hexField, line } from "../line.ts";

const { registers: ats } = addressTranslation;

const lines = {
  translation: line`\t\tATSCap:\tInvalidate Queue Depth: ${hexField(ats.capabilities.fields.queueDepth, 2)}\n`,
  translate: line`\t\tATSCtl:\tEnable${ats.control.fields.enable}, Smallest Translation Unit: ${hexField(ats.control.fields.smallestUnit, 2)}\n`,
} as const;

/** Address translation services. */
export const addressTranslationText: CapabilityPrinter = (capability) => {
  const head = "Address Translation Service (ATS)\n";
  if (!capability.verbose || !capability.hasFrom(ats.capabilities, ats.control)) return head;
  return (
    head +
    lines.translation(capability.read(ats.capabilities)) +
    lines.translate(capability.read(ats.control))
  );
};
