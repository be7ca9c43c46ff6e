import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";

const section = "PCI Express 6.0, 7.9.22";

/** System firmware intermediary (PCI Express 6.0, section 7.9.22): what firmware hides of a slot from the system. */
export const systemFirmware = capability({
  id: 0x002c,
  title: "System Firmware Intermediary",
  length: 0x14,
  registers: {
    capabilities: register(0x04, 16, `${section}.2`, "SFI Capability", {
      outOfBandPresence: flag(0, "HwInit", "Tells out-of-band presence"),
    }),
    control: register(0x06, 16, `${section}.3`, "SFI Control", {
      presenceMask: flag(0, "RW", "Hide presence detect state"),
      linkActiveMask: flag(1, "RW", "Hide data link layer link active"),
      outOfBandPresenceChanged: flag(2, "RW", "Signal changes of out-of-band presence"),
      linkStateChanged: flag(3, "RW", "Signal changes of the data link layer state"),
      filtering: bits(5, 4, "RW", "Downstream port filtering", [
        "off",
        "all requests",
        "configuration requests",
      ]),
      surpriseSuppress: flag(6, "RW", "Hide hot-plug surprise"),
      drsMask: flag(7, "RW", "Hide DRS message received"),
      drsSignaling: flag(8, "RW", "Signal DRS messages"),
      drsTrigger: flag(9, "RW", "Act as if a DRS message were received; reads 0"),
    }),
    status: register(
      0x08,
      16,
      `${section}.4`,
      "SFI Status",
      {
        presence: flag(0, "RO", "Presence detect state"),
        outOfBandPresence: flag(1, "RO", "Out-of-band presence"),
        outOfBandPresenceChanged: flag(2, "RW1C", "Out-of-band presence changed"),
        linkActive: flag(3, "RO", "Data link layer active"),
        linkStateChanged: flag(4, "RW1C", "Data link layer state changed"),
        drsReceived: flag(5, "RW1C", "DRS message received"),
      },
      { reserved: "RsvdZ" },
    ),
    camAddress: register(0x0c, 32, `${section}.5`, "SFI CAM Address", {
      address: bits(27, 0, "RW", "Bus, device, function and register behind the port"),
    }),
    camData: value(
      0x10,
      32,
      `${section}.6`,
      "SFI CAM Data: reads and writes are requests behind the port",
      "RW",
      { reads: "effect" },
    ),
  },
});
