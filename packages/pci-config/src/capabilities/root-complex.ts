import { capability } from "../capability.ts";
import { countIn } from "../list-count.ts";
import { fieldAt } from "../register.ts";
import { bits, flag, register, value } from "../table.ts";
import { extendedHeader } from "../walk.ts";
import { entriesLength, entryList } from "./entries.ts";
import { linkRegisters } from "./pcie-link.ts";

const FIRST_LINK = 0x10;
const LINK = 16;

const self = register(0x04, 32, "7.9.8.2", "Element Self Description", {
  type: bits(3, 0, "RO", "Element type", ["configuration space element", "egress port", "internal link"]),
  links: bits(15, 8, "HwInit", "Link entries"),
  component: bits(23, 16, "HwInit", "Component ID"),
  port: bits(31, 24, "HwInit", "Port number"),
});
const links = countIn(self, "links");

/** Root complex link declaration (section 7.9.8): the links of an element of the root complex. */
export const rootLinkDeclaration = capability({
  id: 0x0005,
  title: "Root Complex Link Declaration",
  head: 8,
  length: entriesLength(FIRST_LINK, LINK, links),
  registers: {
    self,
  },
  lists: {
    links: entryList(
      {
        description: register(0x00, 32, "7.9.8.3.1", "Link Description", {
          valid: flag(0, "HwInit", "Link valid"),
          type: bits(1, 1, "HwInit", "Link type", ["to memory-mapped registers", "to a configuration space"]),
          associatesBlock: flag(2, "HwInit", "Associated with the register block of the target"),
          targetComponent: bits(23, 16, "HwInit", "Target component ID"),
          targetPort: bits(31, 24, "HwInit", "Target port number"),
        }),
        addressLo: value(0x08, 32, "7.9.8.3.2", "Link Address, lower half", "HwInit"),
        addressHi: value(0x0c, 32, "7.9.8.3.2", "Link Address, upper half", "HwInit"),
      },
      FIRST_LINK,
      LINK,
    ),
  },
  counts: { links },
});

const { fields: link } = linkRegisters.linkCapabilities;
const { fields: linkControl } = linkRegisters.linkControl;
const { fields: linkStatus } = linkRegisters.linkStatus;

/** Root complex internal link control (section 7.9.9): the registers of a link between elements of the root complex. */
export const rootLinkControl = capability({
  id: 0x0006,
  title: "Root Complex Internal Link Control",
  length: 12,
  registers: {
    linkCapabilities: register(0x04, 32, "7.9.9.2", "Root Complex Link Capabilities", {
      maximumSpeed: link.maximumSpeed,
      maximumWidth: link.maximumWidth,
      aspm: link.aspm,
      l0sExitLatency: link.l0sExitLatency,
      l1ExitLatency: link.l1ExitLatency,
      speeds: bits(24, 18, "RO", "Supported speeds: bit 0 is 2.5 GT/s, bit 1 is 5 GT/s, and so on"),
    }),
    linkControl: register(0x08, 16, "7.9.9.3", "Root Complex Link Control", {
      aspm: linkControl.aspm,
      extendedSynch: linkControl.extendedSynch,
    }),
    linkStatus: register(
      0x0a,
      16,
      "7.9.9.4",
      "Root Complex Link Status",
      { speed: linkStatus.speed, width: linkStatus.width },
      { reserved: "RsvdZ" },
    ),
  },
});

const buses = { when: "buses" } as const;

/** Root complex event collector endpoint association (section 7.9.10): whose events a collector collects. */
export const eventCollectorAssociation = capability({
  id: 0x0007,
  title: "Root Complex Event Collector Endpoint Association",
  traits: function* (region, offset) {
    if (fieldAt(region, offset, extendedHeader, "version") >= 2) yield "buses";
  },
  length: (_region, _offset, traits) => (traits.has("buses") ? 12 : 8),
  registers: {
    devices: value(0x04, 32, "7.9.10.2", "Association Bitmap: device numbers on its own bus", "HwInit"),
    buses: register(
      0x08,
      32,
      "7.9.10.3",
      "RCEC Associated Bus Numbers",
      {
        first: bits(15, 8, "HwInit", "First further bus; above the last one there are none"),
        last: bits(23, 16, "HwInit", "Last further bus"),
      },
      buses,
    ),
  },
});

/** Header of a root complex register block (section 7.9.7): it stands in memory, not in a configuration space. */
export const rootRegisterBlock = capability({
  id: 0x000a,
  title: "Root Complex Register Block Header",
  length: 20,
  registers: {
    vendorId: value(0x04, 16, "7.9.7.2", "Vendor ID", "HwInit"),
    deviceId: value(0x06, 16, "7.9.7.2", "Device ID", "HwInit"),
    capabilities: register(0x08, 32, "7.9.7.3", "RCRB Capabilities", {
      retryVisibility: flag(0, "RO", "Software may be shown configuration retry status"),
    }),
    control: register(0x0c, 32, "7.9.7.4", "RCRB Control", {
      retryVisibility: flag(0, "RW", "Show software configuration retry status"),
    }),
  },
});
