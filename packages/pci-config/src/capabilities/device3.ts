import { capability } from "../capability.ts";
import { bits, flag, register } from "../table.ts";
import { linkWidths } from "./flit-words.ts";
import { exitLatencies } from "./pcie-link.ts";

const section = "PCI Express 6.0, 7.7.9";

/** Device 3 (PCI Express 6.0, section 7.7.9): what the PCI Express capability had no room for. */
export const device3 = capability({
  id: 0x002f,
  title: "Device 3",
  length: 16,
  registers: {
    deviceCapabilities3: register(0x04, 32, `${section}.2`, "Device Capabilities 3", {
      deferrableWriteRouting: flag(0, "HwInit", "Routes DMWr requests"),
      tag14Completer: flag(1, "HwInit", "14-bit tags as a completer"),
      tag14Requester: flag(2, "HwInit", "14-bit tags as a requester"),
      l0p: flag(3, "HwInit", "L0p"),
      portL0pExitLatency: bits(6, 4, "HwInit", "L0p exit latency of the port", exitLatencies),
      retimerL0pExitLatency: bits(9, 7, "HwInit", "L0p exit latency of its retimers", exitLatencies),
      unorderedCompleter: flag(10, "HwInit", "UIO memory reads and writes as a completer"),
      unorderedRequester: flag(11, "HwInit", "UIO memory reads and writes as a requester"),
      headerContentE: bits(14, 12, "HwInit", "OHC-E support", [
        undefined,
        "OHC-E1",
        "OHC-E1 and OHC-E2",
        "OHC-E1, OHC-E2 and OHC-E4",
        "forwarding only",
        undefined,
        undefined,
        "none",
      ]),
    }),
    deviceControl3: register(0x08, 32, `${section}.3`, "Device Control 3", {
      deferrableWriteRequester: flag(0, "RW", "May send DMWr requests"),
      deferrableWriteEgressBlocking: flag(1, "RW", "Blocks DMWr requests that would leave here"),
      tag14Requester: flag(2, "RW", "May use 14-bit tags"),
      l0p: flag(3, "RW", "L0p enable"),
      targetWidth: bits(6, 4, "RW", "Target link width", [
        ...linkWidths,
        undefined,
        undefined,
        "left to the hardware",
      ]),
      unorderedRequester: flag(7, "RW", "May send UIO memory reads and writes"),
      boundary256Disable: flag(8, "RW", "UIO requests may cross 256-byte boundaries"),
    }),
    deviceStatus3: register(
      0x0c,
      32,
      `${section}.4`,
      "Device Status 3",
      {
        initialWidth: bits(2, 0, "RO", "Link width after training", linkWidths),
        segmentCaptured: flag(3, "RO", "Knows its segment"),
        remoteL0p: flag(4, "RO", "The other end supports L0p"),
      },
      { reserved: "RsvdZ" },
    ),
  },
});
