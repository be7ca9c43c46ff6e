import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";

/** Power management (section 7.5.2; the PCI Power Management Interface Specification has the bridge's byte). */
export const pm = capability({
  id: 0x01,
  title: "Power Management",
  length: 8,
  registers: {
    capabilities: register(0x02, 16, "7.5.2.1", "Power Management Capabilities", {
      version: bits(2, 0, "RO", "Version: 3 for PCI Express"),
      pmeClock: flag(3, "RO", "PME needs the PCI clock (conventional PCI)"),
      immediateReadinessOnD0: flag(4, "RO", "Ready at once after a return to D0"),
      deviceSpecificInitialization: flag(5, "RO", "Device specific initialization needed"),
      auxiliaryCurrent: bits(8, 6, "RO", "Auxiliary current in D3cold", [
        "0 mA",
        "55 mA",
        "100 mA",
        "160 mA",
        "220 mA",
        "270 mA",
        "320 mA",
        "375 mA",
      ]),
      d1: flag(9, "RO", "Supports D1"),
      d2: flag(10, "RO", "Supports D2"),
      pmeFromD0: flag(11, "RO", "PME from D0"),
      pmeFromD1: flag(12, "RO", "PME from D1"),
      pmeFromD2: flag(13, "RO", "PME from D2"),
      pmeFromD3Hot: flag(14, "RO", "PME from D3hot"),
      pmeFromD3Cold: flag(15, "RO", "PME from D3cold"),
    }),
    control: register(0x04, 16, "7.5.2.2", "Power Management Control/Status", {
      powerState: bits(1, 0, "RW", "Power state", ["D0", "D1", "D2", "D3hot"]),
      noSoftReset: flag(3, "RO", "D3hot to D0 keeps the function's state"),
      pmeEnable: flag(8, "RWS", "PME enable"),
      dataSelect: bits(12, 9, "RW", "Data select"),
      dataScale: bits(14, 13, "RO", "Data scale"),
      pmeStatus: flag(15, "RW1CS", "PME status"),
    }),
    bridge: register(0x06, 8, "PCI PM 1.2, 3.2.5", "Bridge support extensions", {
      b2b3: flag(6, "RO", "Bus goes to B2, else B3, in D3hot"),
      busPowerClockControl: flag(7, "RO", "Bus power and clock control"),
    }),
    data: value(0x07, 8, "7.5.2.3", "Power Management Data", "RO"),
  },
});
