import { bits, flag, register } from "../table.ts";

const indicator = [undefined, "on", "blink", "off"];

/** Units of the power limit of a slot (section 7.5.3.9), by scale. */
export const powerLimitScales = ["1 W", "0.1 W", "0.01 W", "0.001 W"];

/** Slot registers of the PCI Express capability: ports with a slot (sections 7.5.3.9 to 7.5.3.11, 7.5.3.21 to 7.5.3.23). */
const slotRegisters = {
  slotCapabilities: register(
    0x14,
    32,
    "7.5.3.9",
    "Slot Capabilities",
    {
      attentionButton: flag(0, "HwInit", "Attention button"),
      powerController: flag(1, "HwInit", "Power controller"),
      mrlSensor: flag(2, "HwInit", "Manual retention latch sensor"),
      attentionIndicator: flag(3, "HwInit", "Attention indicator"),
      powerIndicator: flag(4, "HwInit", "Power indicator"),
      hotPlugSurprise: flag(5, "HwInit", "Adapter may vanish without notice"),
      hotPlug: flag(6, "HwInit", "Hot-plug capable"),
      powerLimitValue: bits(14, 7, "HwInit", "Slot power limit value"),
      powerLimitScale: bits(16, 15, "HwInit", "Slot power limit scale", powerLimitScales),
      interlock: flag(17, "HwInit", "Electromechanical interlock"),
      noCommandCompleted: flag(18, "HwInit", "No command completed event"),
      slot: bits(31, 19, "HwInit", "Physical slot number"),
    },
    { when: "slot" },
  ),
  slotControl: register(
    0x18,
    16,
    "7.5.3.10",
    "Slot Control",
    {
      attentionButtonEvent: flag(0, "RW", "Attention button event"),
      powerFaultEvent: flag(1, "RW", "Power fault event"),
      mrlSensorEvent: flag(2, "RW", "MRL sensor event"),
      presenceEvent: flag(3, "RW", "Presence event"),
      commandCompletedInterrupt: flag(4, "RW", "Command completed interrupt"),
      hotPlugInterrupt: flag(5, "RW", "Hot-plug interrupt"),
      attentionIndicator: bits(7, 6, "RW", "Attention indicator", indicator),
      powerIndicator: bits(9, 8, "RW", "Power indicator", indicator),
      powerOff: flag(10, "RW", "Power controller off"),
      interlock: flag(11, "RW", "Toggle the interlock; reads 0"),
      linkStateEvent: flag(12, "RW", "Data link layer state event"),
      autoPowerLimitDisable: flag(13, "RW", "Auto slot power limit disable"),
      inBandPresenceDisable: flag(14, "RW", "In-band presence detect disable"),
    },
    { when: "slot" },
  ),
  slotStatus: register(
    0x1a,
    16,
    "7.5.3.11",
    "Slot Status",
    {
      attentionButton: flag(0, "RW1C", "Attention button pressed"),
      powerFault: flag(1, "RW1C", "Power fault"),
      mrlSensorChanged: flag(2, "RW1C", "MRL sensor changed"),
      presenceChanged: flag(3, "RW1C", "Presence changed"),
      commandCompleted: flag(4, "RW1C", "Command completed"),
      mrlOpen: flag(5, "RO", "MRL open"),
      present: flag(6, "RO", "Adapter present"),
      interlocked: flag(7, "RO", "Interlock engaged"),
      linkStateChanged: flag(8, "RW1C", "Data link layer state changed"),
    },
    { when: "slot", reserved: "RsvdZ" },
  ),
  slotCapabilities2: register(
    0x34,
    32,
    "7.5.3.21",
    "Slot Capabilities 2",
    { inBandPresenceDisable: flag(0, "HwInit", "In-band presence detect can be turned off") },
    { when: "slot2" },
  ),
  slotControl2: register(0x38, 16, "7.5.3.22", "Slot Control 2", {}, { when: "slot2" }),
  slotStatus2: register(0x3a, 16, "7.5.3.23", "Slot Status 2", {}, { when: "slot2", reserved: "RsvdZ" }),
} as const;

/** Root registers of the PCI Express capability: root ports and event collectors (sections 7.5.3.12 to 7.5.3.14). */
const rootRegisters = {
  rootControl: register(
    0x1c,
    16,
    "7.5.3.12",
    "Root Control",
    {
      systemErrorOnCorrectable: flag(0, "RW", "System error on correctable error"),
      systemErrorOnNonFatal: flag(1, "RW", "System error on non-fatal error"),
      systemErrorOnFatal: flag(2, "RW", "System error on fatal error"),
      pmeInterrupt: flag(3, "RW", "PME interrupt"),
      retryVisibility: flag(4, "RW", "Configuration retry visible to software"),
      noNfmSubtree: flag(5, "RW", "Nothing below takes non-flit messages (PCI Express 6.0)"),
    },
    { when: "root" },
  ),
  rootCapabilities: register(
    0x1e,
    16,
    "7.5.3.13",
    "Root Capabilities",
    { retryVisibility: flag(0, "RO", "Configuration retry visibility") },
    { when: "root" },
  ),
  rootStatus: register(
    0x20,
    32,
    "7.5.3.14",
    "Root Status",
    {
      pmeRequester: bits(15, 0, "RO", "Requester id of the last PME"),
      pmeStatus: flag(16, "RW1C", "PME status"),
      pmePending: flag(17, "RO", "Another PME is pending"),
    },
    { when: "root", reserved: "RsvdZ" },
  ),
} as const;

/** Registers of ports in the PCI Express capability: slot and root. */
export const portRegisters = { ...slotRegisters, ...rootRegisters } as const;
