import type { CapabilityPrinter } from "../capability-text.ts";
import { agpText } from "./agp.ts";
import { enhancedAllocationText } from "./enhanced-allocation.ts";
import { hyperTransportText } from "./hypertransport.ts";
import { msiText } from "./msi.ts";
import { pcieText } from "./pcie.ts";
import { pcixText } from "./pcix.ts";
import { pmText } from "./pm.ts";
import {
  advancedFeaturesText,
  debugPortText,
  msixText,
  sataText,
  slotIdText,
  subsystemText,
} from "./small.ts";
import { vendorText } from "./vendor.ts";
import { vpdText } from "./vpd.ts";

/** A capability of which lspci prints no more than its name. */
const named =
  (name: string): CapabilityPrinter =>
  () =>
    `${name}\n`;

/** The printers of standard capabilities, by id. An id that is not here prints as a number. */
export const standardPrinters: ReadonlyMap<number, CapabilityPrinter> = new Map([
  [0x00, named("Null")],
  [0x01, pmText],
  [0x02, agpText],
  [0x03, vpdText],
  [0x04, slotIdText],
  [0x05, msiText],
  [0x06, named("CompactPCI hot-swap <?>")],
  [0x07, pcixText],
  [0x08, hyperTransportText],
  [0x09, vendorText],
  [0x0a, debugPortText],
  [0x0b, named("CompactPCI central resource control <?>")],
  [0x0c, named("Hot-plug capable")],
  [0x0d, subsystemText],
  [0x0e, named("AGP3 <?>")],
  [0x0f, named("Secure device <?>")],
  [0x10, pcieText],
  [0x11, msixText],
  [0x12, sataText],
  [0x13, advancedFeaturesText],
  [0x14, enhancedAllocationText],
]);
