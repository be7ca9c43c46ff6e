import { capability } from "../capability.ts";
import { type Access, bits, flag, register } from "../table.ts";
import { exitLatencies } from "./pcie-link.ts";

const features = <const A extends Access>(access: A) => ({
  scaledFlowControl: flag(0, access, "Scaled flow control"),
  immediateReadiness: flag(1, access, "All functions are immediately ready (PCI Express 6.0)"),
  extendedChannels: bits(4, 2, access, "Virtual channels beside the default one (PCI Express 6.0)"),
  l0pExitLatency: bits(7, 5, access, "L0p exit latency (PCI Express 6.0)", exitLatencies),
});

/** Data link feature (section 7.7.4): what both ends of a link tell each other. */
export const dataLinkFeature = capability({
  id: 0x0025,
  title: "Data Link Feature",
  length: 12,
  registers: {
    capabilities: register(0x04, 32, "7.7.4.2", "Data Link Feature Capabilities", {
      ...features("HwInit"),
      exchange: flag(31, "HwInit", "Features are exchanged"),
    }),
    status: register(
      0x08,
      32,
      "7.7.4.3",
      "Data Link Feature Status: of the other end",
      { ...features("RO"), valid: flag(31, "RO", "The features were received") },
      { reserved: "RsvdZ" },
    ),
  },
});
