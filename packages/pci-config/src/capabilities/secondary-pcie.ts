import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";
import { list } from "../view.ts";
import { laneLength, laneStarts } from "./lanes.ts";

const LANES = 0x0c;
const LANE = 2;

/** Secondary PCI Express (section 7.7.3): equalization at 8 GT/s, with an entry for each lane. */
export const secondaryPcie = capability({
  id: 0x0019,
  title: "Secondary PCI Express",
  length: laneLength(LANES, LANE),
  registers: {
    linkControl3: register(0x04, 32, "7.7.3.2", "Link Control 3", {
      performEqualization: flag(0, "RW", "Equalize when the link is retrained"),
      equalizationRequestInterrupt: flag(1, "RW", "Interrupt on a link equalization request"),
      lowerSkpGeneration: bits(
        15,
        9,
        "RW",
        "Lower SKP OS generation: bit 0 is 2.5 GT/s, bit 1 is 5 GT/s, and so on",
      ),
    }),
    laneErrors: value(0x08, 32, "7.7.3.3", "Lane Error Status, a bit for each lane", "RW1CS"),
  },
  lists: {
    lanes: list(
      {
        equalization: register(0x00, 16, "7.7.3.4", "Lane Equalization Control", {
          downstreamPreset: bits(3, 0, "HwInit", "Transmitter preset of the downstream port"),
          downstreamHint: bits(6, 4, "HwInit", "Receiver preset hint of the downstream port"),
          upstreamPreset: bits(11, 8, "HwInit", "Transmitter preset of the upstream port"),
          upstreamHint: bits(14, 12, "HwInit", "Receiver preset hint of the upstream port"),
        }),
      },
      laneStarts(LANES, LANE),
    ),
  },
});
