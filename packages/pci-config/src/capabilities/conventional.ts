import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";

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
      bar: bits(15, 13, "RO", "BAR, 1 for the first"),
    }),
  },
});

/** Index and data registers of a SATA controller (Serial ATA AHCI 1.3.1, 2.4). */
export const sata = capability({
  id: 0x12,
  title: "SATA Data/Index Configuration",
  length: 8,
  registers: {
    revision: register(0x02, 8, "AHCI 1.3.1, 2.4.1", "Revision", {
      minor: bits(3, 0, "RO", "Minor revision"),
      major: bits(7, 4, "RO", "Major revision"),
    }),
    location: register(0x04, 32, "AHCI 1.3.1, 2.4.2", "Location of the index and data registers", {
      bar: bits(3, 0, "RO", "4 for BAR 0 to 9 for BAR 5; 15 for this capability itself"),
      offset: bits(23, 4, "RO", "Dwords into the BAR"),
    }),
  },
});
