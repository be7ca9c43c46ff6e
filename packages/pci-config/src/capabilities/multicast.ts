import { capability } from "../capability.ts";
import { address, bits, flag, register, value } from "../table.ts";

/** Multicast (section 7.9.11): memory writes that go to several functions. */
export const multicast = capability({
  id: 0x0012,
  title: "Multicast",
  length: 0x30,
  registers: {
    capabilities: register(0x04, 16, "7.9.11.2", "Multicast Capability", {
      maximumGroup: bits(5, 0, "RO", "Highest group; groups are one more"),
      requestedWindow: bits(13, 8, "RO", "Window wanted for a group: bytes, as a power of 2 (endpoints)"),
      ecrcRegeneration: flag(15, "RO", "Makes a new ECRC for an overlaid address (ports)"),
    }),
    control: register(0x06, 16, "7.9.11.3", "Multicast Control", {
      highestGroup: bits(5, 0, "RW", "Highest group in use; groups are one more"),
      enable: flag(15, "RW", "Enable"),
    }),
    baseLo: register(0x08, 32, "7.9.11.4", "Multicast Base Address, lower dword", {
      indexPosition: bits(5, 0, "RW", "Lowest bit of the group's number in an address"),
      address: address(31, 12, "RW", "Base of the windows, bits 31 to 12"),
    }),
    baseHi: value(0x0c, 32, "7.9.11.4", "Multicast Base Address, upper dword", "RW"),
    receiveLo: value(0x10, 32, "7.9.11.5", "Multicast Receive, groups 0 to 31", "RW"),
    receiveHi: value(0x14, 32, "7.9.11.5", "Multicast Receive, groups 32 to 63", "RW"),
    blockAllLo: value(0x18, 32, "7.9.11.6", "Multicast Block All, groups 0 to 31", "RW"),
    blockAllHi: value(0x1c, 32, "7.9.11.6", "Multicast Block All, groups 32 to 63", "RW"),
    blockUntranslatedLo: value(0x20, 32, "7.9.11.7", "Multicast Block Untranslated, groups 0 to 31", "RW"),
    blockUntranslatedHi: value(0x24, 32, "7.9.11.7", "Multicast Block Untranslated, groups 32 to 63", "RW"),
    overlayLo: register(0x28, 32, "7.9.11.8", "Multicast Overlay BAR, lower dword (ports)", {
      size: bits(5, 0, "RW", "Bytes as a power of 2; below 6 it is off"),
      address: address(31, 6, "RW", "Base, bits 31 to 6"),
    }),
    overlayHi: value(0x2c, 32, "7.9.11.8", "Multicast Overlay BAR, upper dword (ports)", "RW"),
  },
});
