import { CXL_VENDOR } from "../../capabilities/cxl.ts";
import { dvsec, vsec } from "../../capabilities/vendor-extended.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { fieldOf, hex, hexField, line } from "../line.ts";
import { cxlText } from "./cxl.ts";

const { fields: v } = vsec.registers.header;
const vsecLine = line`ID=${hexField(v.vsecId, 4)} Rev=${v.revision} Len=${hexField(v.length, 3)} <?>\n`;

/** Vendor-specific capabilities: lspci knows none of them. */
export const vendorExtendedText: CapabilityPrinter = (capability) => {
  const head = "Vendor Specific Information: ";
  if (!capability.hasFrom(vsec.registers.header, vsec.registers.header)) return `${head}<unreadable>\n`;
  return head + vsecLine(capability.read(vsec.registers.header));
};

const { fields: d } = dvsec.registers.header1;
const vendorField = line`Vendor=${hexField(d.vendorId, 4)}`;
const sizeFields = line`Rev=${d.revision} Len=${d.length}`;
/** A shorter one is not taken for CXL's. */
const LEAST_CXL = 16;

/** Designated vendor-specific capabilities, of which CXL's are known. */
export const designatedVendorText: CapabilityPrinter = (capability) => {
  const head = "Designated Vendor-Specific: ";
  if (!capability.has(4, 8)) return `${head}<unreadable>\n`;
  const header = capability.read(dvsec.registers.header1);
  const id = capability.read(dvsec.registers.dvsecId);
  const names = `${head}${vendorField(header)} ID=${hex(id, 4)} ${sizeFields(header)}`;
  const [length, revision] = [fieldOf(d.length, header), fieldOf(d.revision, header)];
  if (fieldOf(d.vendorId, header) !== CXL_VENDOR || length < LEAST_CXL) return `${names} <?>\n`;
  const known = `${names}: CXL\n`;
  if (!capability.verbose || !capability.has(0, length)) return known;
  return known + cxlText(capability, { id, revision, length });
};
