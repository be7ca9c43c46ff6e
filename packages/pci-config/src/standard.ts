import { agp, agp8x } from "./capabilities/agp.ts";
import { debugPort, hotPlug, hotSwap, sata, slotId } from "./capabilities/conventional.ts";
import { enhancedAllocation } from "./capabilities/enhanced-allocation.ts";
import { flatteningPortal } from "./capabilities/flattening-portal.ts";
import { hyperTransport } from "./capabilities/hypertransport.ts";
import { msi } from "./capabilities/msi.ts";
import { msix } from "./capabilities/msix.ts";
import { pcie } from "./capabilities/pcie.ts";
import { pcix } from "./capabilities/pcix.ts";
import { pm } from "./capabilities/pm.ts";
import { secureDevice } from "./capabilities/secure-device.ts";
import { advancedFeatures, subsystem, vpd } from "./capabilities/small.ts";
import { vendor } from "./capabilities/vendor.ts";
import { type CapabilitySpec, type CapabilityView, capability } from "./capability.ts";

/**
 * The standard capabilities, by name: every id of the PCI Code and ID Assignment Specification 1.15, with the length
 * rules of row R7.
 */
export const standardCapabilities = {
  null: capability({ id: 0x00, title: "Null" }),
  pm,
  agp,
  vpd,
  slotId,
  msi,
  hotSwap,
  pcix,
  hyperTransport,
  vendor,
  debugPort,
  centralResource: capability({ id: 0x0b, title: "CompactPCI Central Resource Control", length: 4 }),
  hotPlug,
  subsystem,
  agp8x,
  secureDevice,
  pcie,
  msix,
  sata,
  advancedFeatures,
  enhancedAllocation,
  flatteningPortal,
} as const satisfies Record<string, CapabilitySpec>;

/** Name of a standard capability. */
export type CapabilityName = keyof typeof standardCapabilities;

/** A standard capability by name, with its registers. */
export type Capability<N extends CapabilityName = CapabilityName> = {
  [K in N]: CapabilityView<
    K,
    (typeof standardCapabilities)[K]["registers"],
    (typeof standardCapabilities)[K]["lists"]
  >;
}[N];
