import { capability } from "../capability.ts";
import { countAt, countIn } from "../list-count.ts";
import { bits, flag, register } from "../table.ts";
import { entryList } from "./entries.ts";

const section = "PCI Express 6.0, 7.8.12";
const HEAD = 0x10;
const TRACKER = 4;
const MOST = 5;
const states = ["not started", "started", "completed", "completed with an overflow"];

const capabilities = register(0x04, 32, `${section}.2`, "Flit Performance Measurement Capability", {
  vector: bits(9, 0, "RO", "Vector of its interrupts"),
  trackers: bits(12, 10, "HwInit", "State transitions tracked at a time: up to 5"),
});
const trackers = countIn(capabilities, "trackers");

/** Flit performance measurement (PCI Express 6.0, section 7.8.12): how long answers and state transitions take. */
export const flitPerformance = capability({
  id: 0x0033,
  title: "Flit Performance Measurement",
  head: 8,
  length: (region, offset) => HEAD + TRACKER * Math.min(MOST, countAt(region, offset, trackers)),
  registers: {
    capabilities,
    control: register(0x08, 32, `${section}.3`, "Flit Performance Measurement Control", {
      enable: flag(0, "RW", "Measures"),
      response: bits(3, 1, "RW", "Latency to measure", [
        undefined,
        "flit to Ack",
        "flit to Nak",
        undefined,
        "Nak to replay",
      ]),
      instances: bits(10, 6, "RW", "Flits to add up; 0 for the worst one"),
      interrupt: bits(13, 11, "RW", "Delay that interrupts", ["none", "100 ns", "200 ns", "300 ns"]),
      transitions: bits(
        18,
        14,
        "RW",
        "Transitions to track, a bit each: L0 to recovery, L0p, L1.0, L1.1 and L1.2 to L0",
      ),
      transitionInstances: bits(23, 19, "RW", "Transitions to add up; 0 for the worst one"),
      transitionInterrupt: bits(26, 24, "RW", "Delay of the first three that interrupts", [
        "none",
        "6.4 ms",
        "12.8 ms",
        "19.2 ms",
      ]),
      substateInterrupt: bits(29, 27, "RW", "Delay of L1.1 and L1.2 that interrupts", [
        "none",
        "1 s",
        "2 s",
        "3 s",
        "4 s",
        "5 s",
        "10 s",
      ]),
    }),
    status: register(
      0x0c,
      32,
      `${section}.4`,
      "Flit Performance Measurement Status",
      {
        state: bits(1, 0, "RO", "State", states),
        tracked: bits(6, 2, "RO", "Flits tracked"),
        interrupt: flag(7, "RW1C", "The delay was exceeded"),
        counter: bits(23, 8, "RO", "Latency, in units of 8 ns"),
      },
      { reserved: "RsvdZ" },
    ),
  },
  lists: {
    trackers: entryList(
      {
        status: register(
          0x00,
          32,
          `${section}.5`,
          "LTSSM Performance Measurement Status",
          {
            state: bits(1, 0, "ROS", "State", states),
            tracked: bits(6, 2, "ROS", "Transitions tracked"),
            interrupt: flag(7, "RW1CS", "The delay was exceeded"),
            counter: bits(23, 8, "ROS", "Time, in units of 64 us"),
          },
          { reserved: "RsvdZ" },
        ),
      },
      HEAD,
      TRACKER,
    ),
  },
  counts: { trackers },
});
