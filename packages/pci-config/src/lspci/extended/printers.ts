import type { CapabilityPrinter } from "../capability-text.ts";
import { accessControlText } from "./access-control.ts";
import { addressTranslationText } from "./address-translation.ts";
import { aerText } from "./aer.ts";
import { dataObjectExchangeText } from "./data-object-exchange.ts";
import { device3Text } from "./device3.ts";
import { downstreamContainmentText } from "./downstream-containment.ts";
import { flitErrorInjectionText } from "./flit-error-injection.ts";
import { flitLoggingText } from "./flit-logging.ts";
import { ideText } from "./ide.ts";
import { l1SubstatesText } from "./l1-substates.ts";
import { laneMarginingText } from "./lane-margining.ts";
import { latencyToleranceText } from "./latency-tolerance.ts";
import { multicastText } from "./multicast.ts";
import { pageRequestText } from "./page-request.ts";
import { pasidText } from "./pasid.ts";
import { physicalLayer16Text, physicalLayer32Text, physicalLayer64Text } from "./physical-layer.ts";
import { precisionTimeText } from "./precision-time.ts";
import { processingHintsText } from "./processing-hints.ts";
import { registerBlockLocatorText } from "./register-block-locator.ts";
import { resizableBarText, vfResizableBarText } from "./resizable-bar.ts";
import { eventCollectorText, rootLinkText } from "./root-complex.ts";
import { routingIdText } from "./routing-id.ts";
import { secondaryPcieText } from "./secondary-pcie.ts";
import { serialNumberText } from "./serial-number.ts";
import { sriovText } from "./sriov.ts";
import { designatedVendorText, vendorExtendedText } from "./vendor.ts";
import { virtualChannelText } from "./virtual-channel.ts";

// To add an extended capability: write its printer in a file of this folder (one noun a file), of `line` templates over
// the register table that `src/capabilities` has for it, and put it into this table. `capability.verbose` tells whether
// more than the first line is wanted, `capability.has` whether the bytes could be read: lspci prints what it read up to
// the first span that it could not.

/** An extended capability of which lspci prints no more than its name. */
const named =
  (name: string): CapabilityPrinter =>
  () =>
    `${name}\n`;

/** The printers of extended capabilities, by id. An id that is not here prints as a number. */
export const extendedPrinters: ReadonlyMap<number, CapabilityPrinter> = new Map([
  [0x00, named("Null")],
  [0x01, aerText],
  [0x02, virtualChannelText],
  [0x03, serialNumberText],
  [0x04, named("Power Budgeting <?>")],
  [0x05, rootLinkText],
  [0x06, named("Root Complex Internal Link <?>")],
  [0x07, eventCollectorText],
  [0x08, named("Multi-Function Virtual Channel <?>")],
  [0x09, virtualChannelText],
  [0x0a, named("Root Complex Register Block <?>")],
  [0x0b, vendorExtendedText],
  [0x0d, accessControlText],
  [0x0e, routingIdText],
  [0x0f, addressTranslationText],
  [0x10, sriovText],
  [0x11, named("Multi-Root I/O Virtualization <?>")],
  [0x12, multicastText],
  [0x13, pageRequestText],
  [0x15, resizableBarText],
  [0x16, named("Dynamic Power Allocation <?>")],
  [0x17, processingHintsText],
  [0x18, latencyToleranceText],
  [0x19, secondaryPcieText],
  [0x1a, named("Protocol Multiplexing <?>")],
  [0x1b, pasidText],
  [0x1c, named("LN Requester <?>")],
  [0x1d, downstreamContainmentText],
  [0x1e, l1SubstatesText],
  [0x1f, precisionTimeText],
  [0x20, named("PCI Express over M_PHY <?>")],
  [0x21, named("FRS Queueing <?>")],
  [0x22, named("Readiness Time Reporting <?>")],
  [0x23, designatedVendorText],
  [0x24, vfResizableBarText],
  [0x25, named("Data Link Feature <?>")],
  [0x26, physicalLayer16Text],
  [0x27, laneMarginingText],
  [0x28, named("Hierarchy ID <?>")],
  [0x29, named("Native PCIe Enclosure Management <?>")],
  [0x2a, physicalLayer32Text],
  [0x2e, dataObjectExchangeText],
  [0x2f, device3Text],
  [0x30, ideText],
  [0x31, physicalLayer64Text],
  [0x32, flitLoggingText],
  [0x34, flitErrorInjectionText],
  [0x36, registerBlockLocatorText],
]);
