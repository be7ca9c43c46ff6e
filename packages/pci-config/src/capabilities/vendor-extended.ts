import { capability } from "../capability.ts";
import { countIn } from "../list-count.ts";
import { fieldAt, rawAt } from "../register.ts";
import { bits, fieldOf, register, value } from "../table.ts";
import { BLOCK, cxlBlocks, cxlFunctionMaps, cxlRegisters, cxlTraits, FIRST_BLOCK } from "./cxl.ts";
import { cxlDeviceRegisters, cxlRanges } from "./cxl-device.ts";
import { cxlGpfRegisters } from "./cxl-gpf.ts";
import { cxlPortRegisters } from "./cxl-port.ts";

const header = register(0x04, 32, "7.9.5.2", "Vendor-Specific Header", {
  vsecId: bits(15, 0, "RO", "Id that the function's vendor gave it"),
  revision: bits(19, 16, "RO", "Revision"),
  length: bits(31, 20, "RO", "Length of the whole capability, in bytes"),
});

/** Vendor-specific extended capability (section 7.9.5). */
export const vsec = capability({
  id: 0x000b,
  title: "Vendor-Specific Extended Capability",
  head: 8,
  length: (region, offset) => fieldAt(region, offset, header, "length"),
  minimum: 8,
  registers: {
    header,
  },
});

const header1 = register(0x04, 32, "7.9.6.2", "Designated Vendor-Specific Header 1", {
  vendorId: bits(15, 0, "RO", "Vendor that defines the capability"),
  revision: bits(19, 16, "RO", "Revision"),
  length: bits(31, 20, "RO", "Length of the whole capability, in bytes"),
});

const dvsecId = value(0x08, 16, "7.9.6.3", "Id that this vendor gave it", "RO");

/** Designated vendor-specific extended capability (section 7.9.6), with what CXL keeps in it. */
export const dvsec = capability({
  id: 0x0023,
  title: "Designated Vendor-Specific Extended Capability",
  head: 10,
  length: (region, offset) => fieldAt(region, offset, header1, "length"),
  minimum: 10,
  traits: (region, offset) => {
    const { vendorId, revision } = header1.fields;
    const head = rawAt(region, offset, header1);
    return cxlTraits(fieldOf(vendorId, head), fieldOf(revision, head), rawAt(region, offset, dvsecId));
  },
  registers: {
    header1,
    dvsecId,
    ...cxlDeviceRegisters,
    ...cxlPortRegisters,
    ...cxlGpfRegisters,
    ...cxlRegisters,
  },
  lists: { ranges: cxlRanges, functionMaps: cxlFunctionMaps, blocks: cxlBlocks },
  counts: { blocks: countIn(header1, "length", { times: BLOCK, plus: FIRST_BLOCK }) },
});
