import { capability } from "../capability.ts";
import { type Access, bits, flag, register } from "../table.ts";
import { list } from "../view.ts";
import { laneLength, laneStarts } from "./lanes.ts";

const LANES = 0x08;
const LANE = 4;

const command = <const A extends Access>(access: A) => ({
  receiver: bits(2, 0, access, "Receiver number"),
  type: bits(5, 3, access, "Margin type"),
  usageModel: bits(6, 6, access, "Usage model"),
  payload: bits(15, 8, access, "Margin payload"),
});

/** Lane margining at the receiver (section 7.7.7), with a command and its answer for each lane. */
export const laneMargining = capability({
  id: 0x0027,
  title: "Lane Margining at the Receiver",
  length: laneLength(LANES, LANE),
  registers: {
    capabilities: register(0x04, 16, "7.7.7.2", "Margining Port Capabilities", {
      usesDriver: flag(0, "HwInit", "Needs the device's driver"),
    }),
    status: register(
      0x06,
      16,
      "7.7.7.3",
      "Margining Port Status",
      {
        ready: flag(0, "RO", "Margining ready"),
        softwareReady: flag(1, "RO", "Margining software ready"),
      },
      { reserved: "RsvdZ" },
    ),
  },
  lists: {
    lanes: list(
      {
        control: register(0x00, 16, "7.7.7.4", "Margining Lane Control", command("RW")),
        status: register(0x02, 16, "7.7.7.5", "Margining Lane Status", command("RO")),
      },
      laneStarts(LANES, LANE),
    ),
  },
});
