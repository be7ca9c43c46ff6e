import { capability } from "../capability.ts";
import { bits, fieldOf, flag, register, value } from "../table.ts";

const bars = ["BAR 0", "BAR 1", "BAR 2", "BAR 3", "BAR 4", "BAR 5"];

/** Slot identification of a bridge to an expansion chassis (PCI-to-PCI Bridge 1.2, 13). */
export const slotId = capability({
  id: 0x04,
  title: "Slot Identification",
  length: 4,
  registers: {
    expansion: register(0x02, 8, "PCI-to-PCI Bridge 1.2, 13.2", "Expansion slot", {
      slots: bits(4, 0, "RO", "Expansion slots on the bridge's secondary bus"),
      first: flag(5, "RO", "First bridge of its chassis"),
    }),
    chassis: value(0x03, 8, "PCI-to-PCI Bridge 1.2, 13.3", "Chassis number", "RW"),
  },
});

/** Debug port of a USB controller (EHCI 1.0, appendix C). */
export const debugPort = capability({
  id: 0x0a,
  title: "Debug Port",
  length: 4,
  registers: {
    location: register(0x02, 16, "EHCI 1.0, C.2", "Debug port location", {
      offset: bits(12, 0, "RO", "Bytes into the BAR"),
      bar: bits(15, 13, "RO", "BAR, 1 for the first", [undefined, ...bars]),
    }),
  },
});

const sataLocation = register(0x04, 32, "AHCI 1.3.1, 2.4.2", "Location of the index and data registers", {
  bar: bits(3, 0, "RO", "What they lie in", [
    ...[undefined, undefined, undefined, undefined, ...bars],
    ...[undefined, undefined, undefined, undefined, undefined, "this capability"],
  ]),
  offset: bits(23, 4, "RO", "Dwords into the BAR"),
});
const IN_CAPABILITY = 15;
const inCapability = { when: "inline" } as const;

/** Index and data registers of a SATA controller (Serial ATA AHCI 1.3.1, 2.4); they may lie in the capability itself. */
export const sata = capability({
  id: 0x12,
  title: "SATA Data/Index Configuration",
  head: 8,
  traits: function* (region, offset) {
    const location = region.read32(offset + sataLocation.offset);
    if (fieldOf(sataLocation.fields.bar, location) === IN_CAPABILITY) yield "inline";
  },
  length: (_region, _offset, traits) => (traits.has("inline") ? 16 : 8),
  registers: {
    revision: register(0x02, 8, "AHCI 1.3.1, 2.4.1", "Revision", {
      minor: bits(3, 0, "RO", "Minor revision"),
      major: bits(7, 4, "RO", "Major revision"),
    }),
    location: sataLocation,
    index: value(0x08, 32, "AHCI 1.3.1, 2.4.2", "Index", "RW", inCapability),
    data: value(0x0c, 32, "AHCI 1.3.1, 2.4.2", "Data", "RW", inCapability),
  },
});

/** CompactPCI hot swap (PICMG 2.1 R2.0): the switch, the lamp and ENUM# of a board. */
export const hotSwap = capability({
  id: 0x06,
  title: "CompactPCI Hot Swap",
  length: 4,
  registers: {
    control: register(0x02, 8, "PICMG 2.1 R2.0, HS_CSR", "Hot Swap Control and Status", {
      hidingArm: flag(0, "RW", "Device hiding arm"),
      enumMask: flag(1, "RW", "ENUM# is masked"),
      pending: flag(2, "RO", "Insertion or extraction is pending"),
      led: flag(3, "RW", "Lamp on"),
      programmingInterface: bits(5, 4, "RO", "Programming interface", ["basic", "with device hiding"]),
      extraction: flag(6, "RW1C", "ENUM# for extraction"),
      insertion: flag(7, "RW1C", "ENUM# for insertion"),
    }),
  },
});

/** Standard hot-plug controller (SHPC 1.0): a window on its working registers. */
export const hotPlug = capability({
  id: 0x0c,
  title: "PCI Hot-Plug",
  length: 8,
  registers: {
    dwordSelect: value(0x02, 8, "SHPC 1.0, capability", "DWORD Select", "RW"),
    pending: value(0x03, 8, "SHPC 1.0, capability", "Pending SERR# and interrupt of the controller", "RO"),
    dwordData: value(0x04, 32, "SHPC 1.0, capability", "DWORD Data", "RW"),
  },
});
