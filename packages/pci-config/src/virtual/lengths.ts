import type { Region } from "@userpci/interface";
import type { Traits } from "../view.ts";

/**
 * Lengths of capabilities in bytes as the provider of a device counts them. They differ from the specification's in what
 * the kernel does not show (`pci_cap_length`, `vfio_cap_len`, `vfio_ext_cap_len` in `drivers/vfio/pci/vfio_pci_config.c`),
 * so they are not those of the tables that decode.
 */
export type LengthOf = (region: Region, offset: number, traits: Traits) => number;

/** What decides the layout of MSI: `address64`, and `masking32` or `masking64` for where its mask lies. */
export function* msiTraits(region: Region, offset: number): Generator<string> {
  const control = region.read16(offset + 2);
  const wide = (control & 0x0080) !== 0;
  if (wide) yield "address64";
  if ((control & 0x0100) !== 0) yield wide ? "masking64" : "masking32";
}

/** 10, 14, 20 or 24 (row R7). */
export const msiLength: LengthOf = (_region, _offset, traits) =>
  10 + (traits.has("address64") ? 4 : 0) + (traits.has("masking32") || traits.has("masking64") ? 10 : 0);

/** Its own length byte; one that cannot be true hides it. */
export const vendorLength: LengthOf = (region, offset) => {
  const length = region.read8(offset + 2);
  return length < 3 ? 0 : length;
};

/** 8, or 24 with error correction (PCI-X 2.0a, 7.2). */
export const pcixLength: LengthOf = (region, offset) => ((region.read16(offset + 2) & 0x3000) === 0 ? 8 : 24);

/** A slave or host block of HyperTransport, by the top bits of its command register, is 28 long and the others are 24. */
export const hyperTransportLength: LengthOf = (region, offset) =>
  (region.read8(offset + 3) & 0xe0) === 0 ? 28 : 24;

const INTEGRATED_ENDPOINT = 9;

/** By version, and whether there can be a link. */
export const pcieLength: LengthOf = (region, offset) => {
  const flags = region.read16(offset + 2);
  const hasLink = ((flags >>> 4) & 0xf) !== INTEGRATED_ENDPOINT;
  if ((flags & 0xf) === 1) return hasLink ? 0x14 : 0x0c;
  return hasLink ? 0x3c : 0x2c;
};

/** 16 where the registers lie in the capability itself, else 8. */
export const sataLength: LengthOf = (region, offset) => ((region.read8(offset + 4) & 0xf) === 0xf ? 16 : 8);

/** Base, a block for each virtual channel, and the arbitration table where there is one. */
export const virtualChannelLength: LengthOf = (region, offset) => {
  const channels = (region.read32(offset + 4) & 7) + 1;
  const arbitration = region.read32(offset + 8);
  const phases = arbitration & 8 ? 128 : arbitration & 4 ? 64 : arbitration & 2 ? 32 : 0;
  const blocks = 0x10 + 12 * channels;
  return phases === 0 ? blocks : Math.ceil(blocks / 16) * 16 + phases / 2;
};

/** With as many dwords of egress control as the vector has. */
export const accessControlLength: LengthOf = (region, offset) => {
  if ((region.read8(offset + 4) & 0x20) === 0) return 8;
  return 8 + 4 * Math.ceil((region.read8(offset + 5) || 256) / 32);
};

/** Two dwords for each BAR. */
export const resizableBarLength: LengthOf = (region, offset) => 4 + 8 * (region.read8(offset + 8) >>> 5);

/** A byte for each substate. */
export const powerAllocationLength: LengthOf = (region, offset) => 17 + (region.read8(offset + 4) & 0x1f);

/** With the steering tags where they lie in the capability. */
export const processingHintsLength: LengthOf = (region, offset) => {
  const capabilities = region.read32(offset + 4);
  if ((capabilities & 0x600) !== 0x200) return 12;
  return 14 + 2 * ((capabilities >>> 16) & 0x7ff);
};

/** The length that a vendor-specific extended capability tells; one that cannot be true hides it. */
export const toldLength: LengthOf = (region, offset) => {
  const length = region.read32(offset + 4) >>> 20;
  return length < 8 ? 0 : length;
};
