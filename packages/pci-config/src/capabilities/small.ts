import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";

/** The bits of VPD Address (section 7.9.19.1). */
export const vpdAddress = {
  address: bits(14, 0, "RW", "Byte of the vital product data, a multiple of 4"),
  flag: flag(15, "RW", "Written 0 to read and 1 to write; flips when the transfer is done"),
} as const;

/** Vital product data (section 7.9.19): a window on a serial memory. */
export const vpd = capability({
  id: 0x03,
  title: "Vital Product Data",
  length: 8,
  registers: {
    // One register by the specification; the flag is not split off, because writing the address is what starts a transfer.
    address: value(0x02, 16, "7.9.19.1", "VPD Address and flag in bit 15", "RW"),
    data: value(0x04, 32, "7.9.19.2", "VPD Data", "RW"),
  },
});

/** Subsystem ids of a bridge (section 7.9.23). */
export const subsystem = capability({
  id: 0x0d,
  title: "Subsystem ID and Subsystem Vendor ID",
  length: 8,
  registers: {
    subsystemVendorId: value(0x04, 16, "7.9.23", "Subsystem vendor ID", "HwInit"),
    subsystemId: value(0x06, 16, "7.9.23", "Subsystem ID", "HwInit"),
  },
});

/** Advanced features: reset of a conventional PCI function (section 7.9.22). */
export const advancedFeatures = capability({
  id: 0x13,
  title: "Conventional PCI Advanced Features",
  length: 6,
  registers: {
    capabilities: register(0x03, 8, "7.9.22.2", "AF Capabilities", {
      transactionsPending: flag(0, "HwInit", "Has the transactions pending bit"),
      functionLevelReset: flag(1, "HwInit", "Can be reset by itself (FLR)"),
    }),
    control: register(0x04, 8, "7.9.22.3", "AF Control", {
      functionLevelReset: flag(0, "RW", "Reset the function; reads 0"),
    }),
    status: register(0x05, 8, "7.9.22.4", "AF Status", {
      transactionsPending: flag(0, "RO", "Requests of its own are unfinished"),
    }),
  },
});

/** Device serial number (section 7.9.3). */
export const serialNumber = capability({
  id: 0x0003,
  title: "Device Serial Number",
  length: 12,
  registers: {
    low: value(0x04, 32, "7.9.3.2", "Serial number, lower dword", "RO"),
    high: value(0x08, 32, "7.9.3.2", "Serial number, upper dword", "RO"),
  },
});
