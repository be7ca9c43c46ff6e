import { capability } from "../capability.ts";
import { bits, flag, register } from "../table.ts";

const section = "AGP 3.0, 4.1";

/** Bits that status and command have alike. */
const shared = {
  rates: bits(2, 0, "RO", "Transfer rates: bit 0 is 1x (4x in AGP 3.0 mode), bit 1 is 2x (8x), bit 2 is 4x"),
  fastWrites: flag(4, "RO", "Fast writes"),
  over4G: flag(5, "RO", "Addresses over 4 GiB"),
  gart64: flag(7, "RO", "64-bit entries of the remapping table"),
  sidebandAddressing: flag(9, "RO", "Sideband addressing"),
  calibrationCycle: bits(12, 10, "RO", "Calibration cycle"),
  asyncRequestSize: bits(15, 13, "RO", "Asynchronous request size"),
  requestQueue: bits(31, 24, "RO", "Requests that may be outstanding, minus 1"),
} as const;

/** Accelerated Graphics Port (AGP 3.0 interface specification). */
export const agp = capability({
  id: 0x02,
  title: "Accelerated Graphics Port",
  length: 12,
  registers: {
    revision: register(0x02, 8, section, "AGP version", {
      minor: bits(3, 0, "RO", "Minor version"),
      major: bits(7, 4, "RO", "Major version"),
    }),
    status: register(0x04, 32, section, "AGP status", {
      ...shared,
      agp3Mode: flag(3, "RO", "Works in AGP 3.0 mode"),
      hostTranslation: flag(6, "RO", "Host address translation"),
      coherent: flag(8, "RO", "Accesses through the aperture are coherent"),
      isochronous: flag(16, "RO", "Isochronous transfers"),
    }),
    command: register(0x08, 32, section, "AGP command", {
      ...shared,
      enable: flag(8, "RW", "AGP enabled"),
    }),
  },
});
