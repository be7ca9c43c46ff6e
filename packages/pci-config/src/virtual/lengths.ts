import type { Region } from "@userpci/interface";
import type { LengthRule } from "../capability.ts";
import { extendedCapabilities } from "../extended.ts";
import { fieldAt, rawAt } from "../register.ts";
import { standardCapabilities } from "../standard.ts";
import { type FieldSpec, fieldOf } from "../table.ts";

// Lengths in bytes of the capabilities of which the provider of a device counts other bytes than the specification does
// (`pci_cap_length`, `vfio_cap_len`, `vfio_ext_cap_len` in `drivers/vfio/pci/vfio_pci_config.c`). The fields that tell them are
// those of the tables that decode; where the kernel counts as the specification does, so is the length.

const { msi, pcix, pcie, sata } = standardCapabilities;
const { virtualChannel, vsec } = extendedCapabilities;

/** What decides the layout of MSI: `address64`, and `masking32` or `masking64` for where its mask lies. */
export function* msiTraits(region: Region, offset: number): Generator<string> {
  const { control } = msi.registers;
  const wide = fieldAt(region, offset, control, "address64") === 1;
  if (wide) yield "address64";
  if (fieldAt(region, offset, control, "perVectorMasking") === 1) yield wide ? "masking64" : "masking32";
}

/** 10, 14, 20 or 24 (row R7). */
export const msiLength: LengthRule = (_region, _offset, traits) =>
  10 + (traits.has("address64") ? 4 : 0) + (traits.has("masking32") || traits.has("masking64") ? 10 : 0);

/** Its own length byte; one that cannot be true hides it. */
export const vendorLength: LengthRule = (region, offset) => {
  const length = rawAt(region, offset, standardCapabilities.vendor.registers.length);
  return length < 3 ? 0 : length;
};

/** 8, or 24 with error correction (PCI-X 2.0a, 7.2). */
export const pcixLength: LengthRule = (region, offset) =>
  fieldAt(region, offset, pcix.registers.command, "version") === 0 ? 8 : 24;

/** A slave or host block of HyperTransport, by the top bits of its command register, is 28 long and the others are 24. */
export const hyperTransportLength: LengthRule = (region, offset) =>
  (region.read8(offset + 3) & 0xe0) === 0 ? 28 : 24;

const INTEGRATED_ENDPOINT = 9;

/** By version, and whether there can be a link. */
export const pcieLength: LengthRule = (region, offset) => {
  const { capabilities } = pcie.registers;
  const hasLink = fieldAt(region, offset, capabilities, "portType") !== INTEGRATED_ENDPOINT;
  if (fieldAt(region, offset, capabilities, "version") === 1) return hasLink ? 0x14 : 0x0c;
  return hasLink ? 0x3c : 0x2c;
};

/** What the location of SATA's registers names where they lie in the capability (AHCI 1.3.1, 2.4.2). */
const IN_CAPABILITY = 15;

/** 16 where the registers lie in the capability itself, else 8. */
export const sataLength: LengthRule = (region, offset) =>
  fieldAt(region, offset, sata.registers.location, "bar") === IN_CAPABILITY ? 16 : 8;

/** Base, a block for each virtual channel, and the arbitration table where there is one. */
export const virtualChannelLength: LengthRule = (region, offset) => {
  const { first, stride } = virtualChannel.lists.channels;
  const { weighted32, weighted64, weighted128 } = virtualChannel.registers.capabilities2.fields;
  const arbitration = rawAt(region, offset, virtualChannel.registers.capabilities2);
  const has = (field: FieldSpec): boolean => fieldOf(field, arbitration) === 1;
  const phases = has(weighted128) ? 128 : has(weighted64) ? 64 : has(weighted32) ? 32 : 0;
  const blocks =
    first +
    stride * (fieldAt(region, offset, virtualChannel.registers.capabilities1, "extendedChannels") + 1);
  return phases === 0 ? blocks : Math.ceil(blocks / 16) * 16 + phases / 2;
};

/** The length that a vendor-specific extended capability tells; one that cannot be true hides it. */
export const toldLength: LengthRule = (region, offset) => {
  const length = fieldAt(region, offset, vsec.registers.header, "length");
  return length < 8 ? 0 : length;
};
