import { msiLength, msiTraits, pcixLength, vendorLength } from "./lengths.ts";
import { ALL8, ALL16, ALL32, type Profile, rule, type StructureRules } from "./rule.ts";

const SOURCE = "the proposal of 2010, as its reviewers corrected it";

const readOnly = (name: string, length: StructureRules["length"], reason: string): StructureRules => ({
  name,
  length,
  rules: [],
  others: { virtual: false, writable: false, reason },
});

const others = {
  virtual: false,
  writable: false,
  reason: `read from the device and never written: ${SOURCE}`,
} as const;

const BAR = "where the device answers is the host's; the user sizes and places a copy (row R9)";

const header: StructureRules = {
  name: "header",
  length: 64,
  others,
  rules: [
    rule(0x00, 32, ALL32, "virtual, read-only", "a virtual function's own ids read ffff (row R8)"),
    rule(
      0x04,
      32,
      0xffff_fffc,
      "device, writable",
      "all of command and status but the decode enables, which are the host's: bus mastering is safe behind the IOMMU",
    ),
    rule(
      0x04,
      32,
      0x0000_0003,
      "device, read-only",
      "the host placed the BARs and keeps their decoding on while they are mapped",
    ),
    rule(
      0x0c,
      32,
      0xff00_ffff,
      "device, writable",
      "cache line size, latency timer and BIST harm only the device",
    ),
    ...[0x10, 0x14, 0x18, 0x1c, 0x20, 0x24].map((bar) => rule(bar, 32, ALL32, "virtual, writable", BAR)),
    rule(0x30, 32, ALL32, "virtual, writable", BAR),
    rule(
      0x3c,
      8,
      ALL8,
      "virtual, writable",
      "a note of software to itself, which the host's must not change",
    ),
  ],
};

const pm: StructureRules = {
  name: "pm",
  length: 8,
  others,
  rules: [rule(0x04, 32, ALL32, "device, writable", "the power state of the function is its user's")],
};

const vpd: StructureRules = {
  name: "vpd",
  length: 8,
  others,
  rules: [
    rule(
      0x00,
      32,
      0xffff_0000,
      "device, writable",
      "the address starts a transfer of the function's own memory",
    ),
    rule(0x04, 32, ALL32, "device, writable", "the data of that transfer"),
  ],
};

const MSI = "where an interrupt goes is the host's: a wrong address would be a write to memory";
const MASK = "masking one's own vectors is harmless";

const msi: StructureRules = {
  name: "msi",
  length: msiLength,
  traits: msiTraits,
  others: { ...others, reason: "MSI is enabled by asking for interrupts, not by its control register" },
  rules: [
    rule(0x04, 32, ALL32, "virtual, writable", MSI),
    rule(0x08, 32, ALL32, "virtual, writable", MSI, { when: "address64" }),
    rule(0x08, 16, ALL16, "virtual, writable", MSI, { unless: "address64" }),
    rule(0x0c, 16, ALL16, "virtual, writable", MSI, { when: "address64" }),
    rule(0x0c, 32, ALL32, "device, writable", MASK, { when: "masking32" }),
    rule(0x10, 32, ALL32, "device, writable", MASK, { when: "masking64" }),
  ],
};

const pcix: StructureRules = {
  name: "pcix",
  length: pcixLength,
  others,
  rules: [
    rule(
      0x00,
      32,
      0xffff_0000,
      "device, writable",
      "the command register tunes the function's own transfers",
    ),
    rule(0x08, 32, ALL32, "device, writable", "control and status of the function's own error correction"),
  ],
};

const pcie: StructureRules = {
  name: "pcie",
  length: 36,
  others,
  rules: [
    rule(0x08, 32, ALL32, "device, writable", "device control and status are of this function alone"),
    rule(
      0x10,
      32,
      0x0000_00ff,
      "device, writable",
      "the low byte of link control: power management of the link",
    ),
    rule(0x18, 32, 0x00ff_ffff, "device, writable", "slot control and the event bits of slot status"),
  ],
};

const advancedFeatures: StructureRules = {
  name: "advancedFeatures",
  length: 6,
  others,
  rules: [rule(0x04, 8, 0x01, "device, writable", "a user may reset the function that it owns")],
};

/** The tables of the proposal of 2010 (row R8), over the lengths of row R7. */
export const vfio2010: Profile = {
  name: "vfio2010",
  title: "the VFIO proposal of 2010, with its reviewers' corrections",
  header,
  standard: {
    1: pm,
    2: readOnly("agp", 12, others.reason),
    3: vpd,
    4: readOnly("slotId", 4, others.reason),
    5: msi,
    7: pcix,
    8: readOnly("hyperTransport", 28, others.reason),
    9: readOnly("vendor", vendorLength, "what a vendor keeps there is not known, so it is only read"),
    16: pcie,
    17: readOnly("msix", 12, "MSI-X is enabled by asking for interrupts, not by its control register"),
    19: advancedFeatures,
  },
  extended: {},
  unlisted: readOnly(
    "unknown",
    4,
    "an id that the proposal does not know: its first 4 bytes, read-only (row R7)",
  ),
  unowned: {
    virtual: true,
    writable: false,
    reason: "no capability owns the byte: it reads 0 and writes are dropped",
  },
  showsExtended: () => false,
};
