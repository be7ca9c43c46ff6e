import { capability } from "../capability.ts";
import { bits, flag, register } from "../table.ts";

/** Lightweight notification requester (section 7.9.14; gone since PCI Express 6.0). */
export const lightweightNotification = capability({
  id: 0x001c,
  title: "LN Requester",
  length: 8,
  registers: {
    capabilities: register(0x04, 16, "7.9.14.2", "LNR Capability", {
      lines64: flag(0, "RO", "Cache lines of 64 bytes"),
      lines128: flag(1, "RO", "Cache lines of 128 bytes"),
      registrations: bits(12, 8, "RO", "Most registrations, as a power of two"),
    }),
    control: register(0x06, 16, "7.9.14.3", "LNR Control", {
      enable: flag(0, "RW", "LNR enable"),
      lineSize: bits(1, 1, "RW", "Cache line size", ["64 bytes", "128 bytes"]),
      registrationLimit: bits(12, 8, "RW", "Registration limit, as a power of two"),
    }),
  },
});
