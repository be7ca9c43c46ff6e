import { capability } from "../capability.ts";
import { bits, flag, register } from "../table.ts";

/** Precision time measurement (section 7.9.16): one clock for a hierarchy. */
export const precisionTime = capability({
  id: 0x001f,
  title: "Precision Time Measurement",
  length: 12,
  registers: {
    capabilities: register(0x04, 32, "7.9.16.2", "PTM Capability", {
      requester: flag(0, "HwInit", "Can ask for the time"),
      responder: flag(1, "HwInit", "Can tell the time"),
      root: flag(2, "HwInit", "Can be the source of the time"),
      enhanced: flag(3, "HwInit", "Enhanced PTM"),
      delayAdaptation: flag(4, "HwInit", "Adapts to the order of bytes in a propagation delay"),
      granularity: bits(
        15,
        8,
        "HwInit",
        "Granularity of its clock, in ns; 0 without a clock, 255 above 254 ns",
      ),
    }),
    control: register(0x08, 32, "7.9.16.3", "PTM Control", {
      enable: flag(0, "RW", "Enable"),
      rootSelect: flag(1, "RW", "It is the source of the time"),
      granularity: bits(15, 8, "RW", "Granularity of the time, in ns; 0 is unknown, 255 above 254 ns"),
    }),
  },
});
