import type { Region } from "@userpci/interface";
import {
  hyperTransportLength,
  msiLength,
  msiTraits,
  pcieLength,
  pcixLength,
  sataLength,
  vendorLength,
} from "./lengths.ts";
import { linuxExtended } from "./linux-extended.ts";
import {
  ALL8,
  ALL16,
  ALL32,
  type DefaultRule,
  type PermissionRule,
  type Profile,
  rule,
  type StructureRules,
} from "./rule.ts";

const others: DefaultRule = {
  virtual: false,
  writable: false,
  reason: "a register that the kernel has no rule for is read from the device and never written",
};

const BAR =
  "where the device answers is the host's; the user sizes and places a copy, as on hardware (row R9)";
const VF_IDS = "a virtual function reads ffff here; the kernel shows its real ids, and so keeps them for all";
const DECODE = "decoding is the user's to switch; BARs that a reset cleared are restored before";

const header: StructureRules = {
  name: "header",
  length: 64,
  others,
  mediation: "command",
  rules: [
    rule(0x00, 16, ALL16, "virtual, read-only", VF_IDS),
    rule(0x02, 16, ALL16, "virtual, read-only", VF_IDS),
    rule(0x04, 16, 0x0400, "virtual, writable", "the kernel masks the line with this bit itself (row R10)", {
      mediated: "the provider masks the line, in the device where it can",
    }),
    rule(
      0x04,
      16,
      0x0002,
      "virtual, writable",
      "a virtual function's memory is enabled by its physical function",
      {
        when: "virtualFunction",
      },
    ),
    rule(0x04, 16, 0x0002, "device, writable", DECODE, { unless: "virtualFunction" }),
    rule(
      0x04,
      16,
      0xfbfd,
      "device, writable",
      "I/O decode, bus master and the rest are safe behind the IOMMU",
    ),
    rule(
      0x06,
      16,
      0x0010,
      "virtual, read-only",
      "whether there is a list is decided after hiding capabilities",
    ),
    rule(0x0c, 8, ALL8, "device, writable", "the cache line size harms only the function"),
    rule(0x0d, 8, ALL8, "device, writable", "the latency timer harms only the function"),
    rule(0x0f, 8, ALL8, "device, writable", "a self-test harms only the function"),
    ...[0x10, 0x14, 0x18, 0x1c, 0x20, 0x24].map((bar) => rule(bar, 32, ALL32, "virtual, writable", BAR)),
    rule(0x30, 32, ALL32, "virtual, writable", BAR),
    rule(0x34, 8, ALL8, "virtual, read-only", "the list begins at the first capability that is shown"),
    rule(
      0x3c,
      8,
      ALL8,
      "virtual, writable",
      "a note of software to itself, which the host's must not change",
    ),
    rule(0x3d, 8, ALL8, "virtual, read-only", "reads 0 where the function cannot have INTx"),
  ],
};

const next = rule(0x01, 8, ALL8, "virtual, read-only", "leads past capabilities that are hidden");

/** A capability that is read-only but for its rules. */
function shown(
  name: string,
  length: StructureRules["length"],
  rules: readonly PermissionRule[] = [],
  more: Partial<StructureRules> = {},
): StructureRules {
  return { name, length, others, rules: [next, ...rules], ...more };
}

const PME = "power events are the host's: they could not be handled by the user";

const pm = shown(
  "pm",
  8,
  [
    rule(0x02, 16, 0xf800, "virtual, read-only", PME, { initial: 0 }),
    rule(
      0x04,
      16,
      0x0003,
      "device, read-only",
      "a return from D3 may reset the function, so the host does it",
      {
        mediated: "the provider changes the power state",
      },
    ),
    rule(0x04, 16, 0x8100, "virtual, read-only", PME, { initial: 0 }),
    rule(0x04, 16, 0x7efc, "device, writable", "power management is of this function alone"),
    rule(0x06, 8, ALL8, "device, writable", "power management is of this function alone"),
    rule(0x07, 8, ALL8, "device, writable", "power management is of this function alone"),
  ],
  { mediation: "power" },
);

const VPD = "transfers are slow and shared with the host, so the host does them";

const vpd = shown(
  "vpd",
  8,
  [
    rule(0x02, 16, ALL16, "virtual, writable", VPD, { mediated: "the provider does the transfer" }),
    rule(0x04, 32, ALL32, "virtual, writable", VPD),
  ],
  { mediation: "vpd" },
);

const MSI = "where an interrupt goes is the host's: a wrong address would be a write to memory";
const MASK = "masking one's own vectors is harmless";

const msi = shown(
  "msi",
  msiLength,
  [
    rule(
      0x02,
      8,
      ALL8,
      "virtual, writable",
      "MSI is enabled by asking for interrupts, not by this register",
      {
        mediated:
          "enable is refused while MSI is not in use, the number of vectors is cut, and both go to the device",
      },
    ),
    rule(0x04, 32, ALL32, "virtual, writable", MSI),
    rule(0x08, 32, ALL32, "virtual, writable", MSI, { when: "address64" }),
    rule(0x08, 16, ALL16, "virtual, writable", MSI, { unless: "address64" }),
    rule(0x0c, 16, ALL16, "virtual, writable", MSI, { when: "address64" }),
    rule(0x0c, 32, ALL32, "device, writable", MASK, { when: "masking32" }),
    rule(0x10, 32, ALL32, "device, writable", "pending bits; the device ignores it", { when: "masking32" }),
    rule(0x10, 32, ALL32, "device, writable", MASK, { when: "masking64" }),
    rule(0x14, 32, ALL32, "device, writable", "pending bits; the device ignores it", { when: "masking64" }),
  ],
  { traits: msiTraits, mediation: "msi" },
);

const pcix = shown("pcix", pcixLength, [
  rule(0x02, 16, ALL16, "device, writable", "tunes the function's own transfers"),
  rule(0x08, 32, ALL32, "device, writable", "control and status of the function's own error correction"),
]);

const vendor: StructureRules = {
  name: "vendor",
  length: vendorLength,
  rules: [next],
  others: {
    virtual: false,
    writable: true,
    reason: "drivers need it, and only the vendor knows what it does",
  },
};

const PCIE = "device control is of this function alone";

const pcie = shown(
  "pcie",
  pcieLength,
  [
    rule(
      0x08,
      16,
      0x00e0,
      "virtual, writable",
      "a wrong payload limit breaks the transfers of other devices",
    ),
    rule(0x08, 16, 0x0200, "device, read-only", "phantom functions would confuse the IOMMU"),
    rule(0x08, 16, 0x7000, "virtual, writable", "a limit below the payload's is safe but slow", {
      mediated: "the provider sets the read request limit, but not below the device's own payload limit",
    }),
    rule(0x08, 16, 0x8000, "virtual, writable", "a reset loses the BARs, so the host does it; reads 0", {
      mediated: "the provider resets the function, if it can be reset by itself",
      initial: 0,
    }),
    rule(0x08, 16, 0x0d1f, "device, writable", PCIE),
    rule(0x28, 16, 0x0020, "device, read-only", "ARI forwarding is set when the host looks for functions"),
    rule(0x28, 16, 0xffdf, "device, writable", PCIE),
  ],
  { mediation: "pcie" },
);

const advancedFeatures = shown(
  "advancedFeatures",
  6,
  [
    rule(0x04, 8, 0x01, "virtual, writable", "a reset loses the BARs, so the host does it; reads 0", {
      mediated: "the provider resets the function, if it can be reset by itself",
      initial: 0,
    }),
  ],
  { mediation: "reset" },
);

const EXTENDED_START = 0x100;
const PCIX = 7;
const PCIE_ID = 16;

/** The kernel looks for extended capabilities only where PCI Express or PCI-X with error correction tells of them. */
function showsExtended(region: Region, standardIds: ReadonlySet<number>): boolean {
  if (!standardIds.has(PCIE_ID) && !standardIds.has(PCIX)) return false;
  return region.size >= EXTENDED_START + 4 && region.read32(EXTENDED_START) !== 0;
}

/** What `drivers/vfio/pci/vfio_pci_config.c` of Linux 6.12 does. */
export const linux: Profile = {
  name: "linux",
  title: "the kernel's vfio-pci, Linux 6.12",
  header,
  standard: {
    1: pm,
    2: shown("agp", 12),
    3: vpd,
    5: msi,
    7: pcix,
    8: shown("hyperTransport", hyperTransportLength),
    9: vendor,
    16: pcie,
    17: shown("msix", 12),
    18: shown("sata", sataLength),
    19: advancedFeatures,
  },
  extended: linuxExtended,
  unlisted: undefined,
  unowned: {
    virtual: false,
    writable: true,
    reason: "devices hide registers between capabilities, and the IOMMU contains what they can do",
  },
  showsExtended,
};
