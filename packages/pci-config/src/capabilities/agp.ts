import { capability } from "../capability.ts";
import { type Access, bits, flag, register } from "../table.ts";

const section = "AGP 3.0, 4.1";

/** Bits that status tells and command sets at the same places. */
function shared<const A extends Access>(access: A) {
  return {
    rates: bits(
      2,
      0,
      access,
      "Transfer rates: bit 0 is 1x (4x in AGP 3.0 mode), bit 1 is 2x (8x), bit 2 is 4x",
    ),
    fastWrites: flag(4, access, "Fast writes"),
    over4G: flag(5, access, "Addresses over 4 GiB"),
    gart64: flag(7, access, "64-bit entries of the remapping table"),
    sidebandAddressing: flag(9, access, "Sideband addressing"),
    calibrationCycle: bits(12, 10, access, "Calibration cycle"),
    asyncRequestSize: bits(15, 13, access, "Asynchronous request size"),
    requestQueue: bits(31, 24, access, "Requests that may be outstanding, minus 1"),
  } as const;
}

const registers = {
  revision: register(0x02, 8, section, "AGP version", {
    minor: bits(3, 0, "RO", "Minor version"),
    major: bits(7, 4, "RO", "Major version"),
  }),
  status: register(0x04, 32, section, "AGP status", {
    ...shared("RO"),
    agp3Mode: flag(3, "RO", "Works in AGP 3.0 mode"),
    hostTranslation: flag(6, "RO", "Host address translation"),
    coherent: flag(8, "RO", "Accesses through the aperture are coherent"),
    isochronous: flag(16, "RO", "Isochronous transfers"),
  }),
  command: register(0x08, 32, section, "AGP command", {
    ...shared("RW"),
    enable: flag(8, "RW", "AGP enabled"),
  }),
} as const;

/** Accelerated Graphics Port (AGP 3.0 interface specification). */
export const agp = capability({ id: 0x02, title: "Accelerated Graphics Port", length: 12, registers });

/** AGP 8x: the same registers by an id of its own. */
export const agp8x = capability({ id: 0x0e, title: "AGP 8x", length: 12, registers });
