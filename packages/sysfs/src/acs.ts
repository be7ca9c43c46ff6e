import { findExtended } from "./config-bytes.ts";

/** Kinds of Access Control Services, by the bit of their capability and control registers (PCI Express 5.0, section 7.7.8). */
export const acsServices = [
  "source-validation",
  "translation-blocking",
  "request-redirect",
  "completion-redirect",
  "upstream-forwarding",
  "egress-control",
  "direct-translated",
] as const;

/** One of {@link acsServices}. */
export type AcsService = (typeof acsServices)[number];

/** Access Control Services of a port or function: what keeps it from passing requests on past the IOMMU. */
export interface AcsState {
  readonly capable: readonly AcsService[];
  readonly enabled: readonly AcsService[];
  /**
   * Whether those are on that Linux wants before it gives what is below the port, or another function of the device, a group of
   * its own (`REQ_ACS_FLAGS` of `drivers/iommu/iommu.c`). What is not there cannot be switched on, and counts as on
   * (`pci_acs_flags_enabled` of `drivers/pci/pci.c`).
   */
  readonly isolates: boolean;
}

/** Extended capability Access Control Services, and its registers. */
const ACS = 0x000d;
const CAPABILITY = 4;
const CONTROL = 6;
const END = 8;

/** `REQ_ACS_FLAGS`: PCI_ACS_SV, RR, CR and UF. */
const required: readonly AcsService[] = [
  "source-validation",
  "request-redirect",
  "completion-redirect",
  "upstream-forwarding",
];

/**
 * Access Control Services in a function's configuration space.
 *
 * @returns null for a function without; undefined where the bytes end before that is known, as for an ordinary user
 */
export function acsOf(bytes: Buffer): AcsState | null | undefined {
  const at = findExtended(bytes, ACS);
  if (at === null || at === undefined) return at;
  if (at + END > bytes.length) return undefined;
  const capable = servicesIn(bytes.readUInt16LE(at + CAPABILITY));
  const enabled = servicesIn(bytes.readUInt16LE(at + CONTROL)).filter((service) => capable.includes(service));
  const needed = required.filter((service) => capable.includes(service));
  return { capable, enabled, isolates: needed.every((service) => enabled.includes(service)) };
}

function servicesIn(bits: number): AcsService[] {
  return acsServices.filter((_, bit) => (bits & (1 << bit)) !== 0);
}
