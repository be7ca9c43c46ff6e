import { capability } from "../capability.ts";
import { fieldAt } from "../register.ts";
import { bits, flag, register, value } from "../table.ts";

const capabilities = register(0x04, 32, "7.9.21.2", "Alternate Protocol Capabilities", {
  count: bits(7, 0, "HwInit", "Protocols"),
  selectiveEnable: flag(8, "HwInit", "Has a mask to enable them one by one"),
});

/** Alternate protocol (section 7.9.21): protocols beside PCI Express, of which one at a time is shown. */
export const alternateProtocol = capability({
  id: 0x002b,
  title: "Alternate Protocol",
  head: 8,
  traits: function* (region, offset) {
    if (fieldAt(region, offset, capabilities, "selectiveEnable") !== 0) yield "selective";
  },
  // The mask has a bit for each protocol, in whole dwords.
  length: (region, offset, traits) => {
    const count = fieldAt(region, offset, capabilities, "count");
    return traits.has("selective") ? 0x14 + 4 * Math.max(1, Math.ceil(count / 32)) : 0x14;
  },
  registers: {
    capabilities,
    control: register(0x08, 32, "7.9.21.3", "Alternate Protocol Control", {
      select: bits(7, 0, "RW", "Protocol that the data show"),
      enable: flag(8, "RW", "Alternate protocols are negotiated"),
    }),
    data1: register(0x0c, 32, "7.9.21.4", "Alternate Protocol Data 1", {
      usage: bits(2, 0, "RO", "Usage information"),
      details: bits(15, 5, "RO", "Details"),
      vendorId: bits(31, 16, "RO", "Vendor ID; ffff for none"),
    }),
    data2: register(0x10, 32, "7.9.21.5", "Alternate Protocol Data 2", {
      information2: bits(23, 0, "RO", "Modified TS information 2"),
    }),
    enableMask: value(0x14, 32, "7.9.21.6", "Selective Enable Mask of the first 32 protocols", "RWS", {
      when: "selective",
    }),
  },
});
