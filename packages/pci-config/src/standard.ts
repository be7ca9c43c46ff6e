import { msi } from "./capabilities/msi.ts";
import { msix } from "./capabilities/msix.ts";
import { pcie } from "./capabilities/pcie.ts";
import { pm } from "./capabilities/pm.ts";
import { advancedFeatures, subsystem, vendor, vpd } from "./capabilities/small.ts";
import { type CapabilitySpec, type CapabilityView, capability } from "./capability.ts";
import { commonHeader } from "./header.ts";

/** PCI-X: 8 bytes, or with ECC registers 24; a bridge has 16 or 32 (PCI-X 2.0a, 7.2 and 8.6.2). */
const pcix: NonNullable<CapabilitySpec["length"]> = (region, offset) => {
  const isBridge = (region.read8(commonHeader.headerType.offset) & 0x7f) === 1;
  const hasEcc = (region.read16(offset + 2) & 0x3000) !== 0;
  if (isBridge) return hasEcc ? 32 : 16;
  return hasEcc ? 24 : 8;
};

/**
 * The standard capabilities, by name: every id of the PCI Code and ID Assignment Specification 1.15, with the length
 * rules of row R7.
 */
export const standardCapabilities = {
  null: capability({ id: 0x00, title: "Null" }),
  pm,
  agp: capability({ id: 0x02, title: "Accelerated Graphics Port", length: 12 }),
  vpd,
  slotId: capability({ id: 0x04, title: "Slot Identification", length: 4 }),
  msi,
  hotSwap: capability({ id: 0x06, title: "CompactPCI Hot Swap", length: 4 }),
  pcix: capability({ id: 0x07, title: "PCI-X", length: pcix }),
  hyperTransport: capability({ id: 0x08, title: "HyperTransport", length: 28 }),
  vendor,
  debugPort: capability({ id: 0x0a, title: "Debug Port", length: 4 }),
  centralResource: capability({ id: 0x0b, title: "CompactPCI Central Resource Control", length: 4 }),
  hotPlug: capability({ id: 0x0c, title: "PCI Hot-Plug", length: 8 }),
  subsystem,
  agp8x: capability({ id: 0x0e, title: "AGP 8x", length: 12 }),
  secureDevice: capability({ id: 0x0f, title: "Secure Device" }),
  pcie,
  msix,
  sata: capability({ id: 0x12, title: "SATA Data/Index Configuration", length: 8 }),
  advancedFeatures,
  enhancedAllocation: capability({ id: 0x14, title: "Enhanced Allocation" }),
  flatteningPortal: capability({ id: 0x15, title: "Flattening Portal Bridge", length: 36 }),
} as const satisfies Record<string, CapabilitySpec>;

/** Name of a standard capability. */
export type CapabilityName = keyof typeof standardCapabilities;

/** A standard capability by name, with its registers. */
export type Capability<N extends CapabilityName = CapabilityName> = {
  [K in N]: CapabilityView<K, (typeof standardCapabilities)[K]["registers"]>;
}[N];
