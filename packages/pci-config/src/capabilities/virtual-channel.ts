import { capability } from "../capability.ts";
import { countIn, type ListCount } from "../list-count.ts";
import { bits, flag, register } from "../table.ts";
import { entriesLength, entryList } from "./entries.ts";

/** Sections of the registers: those of a port, or of a multi-function device. */
interface Sections {
  readonly chapter: "7.9.1" | "7.9.2";
  /** Who takes turns: ports or functions. */
  readonly party: "Port" | "Function";
}

const arbitrations = [
  "fixed",
  "weighted round robin, 32 phases",
  "weighted round robin, 64 phases",
  "weighted round robin, 128 phases",
];
const partyArbitrations = [
  ...arbitrations,
  "time-based weighted round robin, 128 phases",
  "weighted round robin, 256 phases",
];

const HEAD = 0x10;
const CHANNEL = 12;

function portRegisters({ chapter, party }: Sections) {
  return {
    capabilities1: register(0x04, 32, `${chapter}.2`, "Port VC Capability 1", {
      extendedChannels: bits(2, 0, "RO", "Virtual channels beside the default one"),
      lowPriorityChannels: bits(6, 4, "RO", "Those of them in the low-priority group"),
      referenceClock: bits(9, 8, "RO", "Reference clock of time-based arbitration", ["100 ns"]),
      tableEntrySize: bits(11, 10, "RO", `${party} arbitration table entry size`, [
        "1 bit",
        "2 bits",
        "4 bits",
        "8 bits",
      ]),
    }),
    capabilities2: register(0x08, 32, `${chapter}.3`, "Port VC Capability 2", {
      fixed: flag(0, "RO", "Hardware-fixed arbitration between channels"),
      weighted32: flag(1, "RO", "Weighted round robin, 32 phases"),
      weighted64: flag(2, "RO", "Weighted round robin, 64 phases"),
      weighted128: flag(3, "RO", "Weighted round robin, 128 phases"),
      tableOffset: bits(31, 24, "RO", "Place of the VC arbitration table, in units of 16 bytes; 0 for none"),
    }),
    control: register(0x0c, 16, `${chapter}.4`, "Port VC Control", {
      loadTable: flag(0, "RW", "Load the VC arbitration table; reads 0"),
      arbitration: bits(3, 1, "RW", "VC arbitration", arbitrations),
      allEnabled: flag(4, "RW", "All channels to be used are enabled (PCI Express 6.0)"),
    }),
    status: register(
      0x0e,
      16,
      `${chapter}.5`,
      "Port VC Status",
      { tablePending: flag(0, "RO", "The VC arbitration table was written and not loaded") },
      { reserved: "RsvdZ" },
    ),
  };
}

function channelRegisters({ chapter, party }: Sections) {
  return {
    capabilities: register(0x00, 32, `${chapter}.6`, "VC Resource Capability", {
      fixed: flag(0, "RO", `Hardware-fixed ${party.toLowerCase()} arbitration`),
      weighted32: flag(1, "RO", "Weighted round robin, 32 phases"),
      weighted64: flag(2, "RO", "Weighted round robin, 64 phases"),
      weighted128: flag(3, "RO", "Weighted round robin, 128 phases"),
      timed128: flag(4, "RO", "Time-based weighted round robin, 128 phases"),
      weighted256: flag(5, "RO", "Weighted round robin, 256 phases"),
      advancedSwitching: flag(14, "RO", "Advanced packet switching (PCI Express 1.0)"),
      rejectSnoop: flag(15, "HwInit", "Rejects requests that would be snooped"),
      maximumTimeSlots: bits(22, 16, "HwInit", "Time slots, minus 1"),
      tableOffset: bits(
        31,
        24,
        "RO",
        `Place of the ${party.toLowerCase()} arbitration table, in units of 16 bytes; 0 for none`,
      ),
    }),
    control: register(0x04, 32, `${chapter}.7`, "VC Resource Control", {
      trafficClasses: bits(7, 0, "RW", "Traffic classes mapped to it, a bit for each"),
      loadTable: flag(16, "RW", `Load the ${party.toLowerCase()} arbitration table; reads 0`),
      arbitration: bits(19, 17, "RW", `${party} arbitration`, partyArbitrations),
      channelId: bits(26, 24, "RW", "VC ID"),
      sharedCreditLimit: bits(29, 27, "RW", "Share of the credits, in eighths (PCI Express 6.0)"),
      sharedCreditLimitEnable: flag(30, "RW", "The share is limited (PCI Express 6.0)"),
      enable: flag(31, "RW", "VC enable"),
    }),
    status: register(
      0x0a,
      16,
      `${chapter}.8`,
      "VC Resource Status",
      {
        tablePending: flag(
          0,
          "RO",
          `The ${party.toLowerCase()} arbitration table was written and not loaded`,
        ),
        negotiationPending: flag(1, "RO", "VC negotiation pending"),
      },
      { reserved: "RsvdZ" },
    ),
  };
}

/** The default channel is not counted. */
const channelsOf = ({ capabilities1 }: ReturnType<typeof portRegisters>) =>
  countIn(capabilities1, "extendedChannels", { plus: -1 });

/** Port registers, then 12 bytes for each virtual channel; arbitration tables are not counted (section 7.9.1). */
const lengthOf = (channels: ListCount) => entriesLength(HEAD, CHANNEL, channels);

const portSections: Sections = { chapter: "7.9.1", party: "Port" };
const ofPortRegisters = portRegisters(portSections);
const portChannels = channelsOf(ofPortRegisters);
const ofPort = {
  head: 8,
  length: lengthOf(portChannels),
  registers: ofPortRegisters,
  lists: { channels: entryList(channelRegisters(portSections), HEAD, CHANNEL) },
  counts: { channels: portChannels },
} as const;

/** Virtual channels of a port, or of a function of a device without channels of its own (section 7.9.1). */
export const virtualChannel = capability({ id: 0x0002, title: "Virtual Channel", ...ofPort });

/** Virtual channels of a function of a device that has {@link multiFunctionVirtualChannel} (section 7.9.1). */
export const virtualChannelBesideMfvc = capability({
  id: 0x0009,
  title: "Virtual Channel beside MFVC",
  ...ofPort,
});

const deviceSections: Sections = { chapter: "7.9.2", party: "Function" };
const ofDeviceRegisters = portRegisters(deviceSections);
const deviceChannels = channelsOf(ofDeviceRegisters);

/** Virtual channels of a multi-function device (section 7.9.2). */
export const multiFunctionVirtualChannel = capability({
  id: 0x0008,
  title: "Multi-Function Virtual Channel",
  head: 8,
  length: lengthOf(deviceChannels),
  registers: ofDeviceRegisters,
  lists: { channels: entryList(channelRegisters(deviceSections), HEAD, CHANNEL) },
  counts: { channels: deviceChannels },
});
