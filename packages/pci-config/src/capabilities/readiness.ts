import { capability } from "../capability.ts";
import { bits, flag, register } from "../table.ts";

const reasons = [
  undefined,
  "DRS message received",
  "D3hot to D0 completed",
  "FLR completed",
  undefined,
  undefined,
  undefined,
  undefined,
  "VF enabled",
  "VF disabled",
];

/** FRS queueing (section 7.8.10): functions below a root port that became ready. */
export const frsQueueing = capability({
  id: 0x0021,
  title: "FRS Queueing",
  length: 16,
  registers: {
    capabilities: register(0x04, 32, "7.8.10.2", "FRS Queueing Capability", {
      maximumDepth: bits(11, 0, "HwInit", "Most messages in the queue"),
      interruptMessage: bits(20, 16, "RO", "Vector of its interrupts"),
    }),
    status: register(
      0x08,
      16,
      "7.8.10.3",
      "FRS Queueing Status",
      {
        received: flag(0, "RW1C", "FRS message received"),
        overflow: flag(1, "RW1C", "FRS message overflow"),
      },
      { reserved: "RsvdZ" },
    ),
    control: register(0x0a, 16, "7.8.10.4", "FRS Queueing Control", {
      interrupt: flag(0, "RW", "FRS interrupt enable"),
    }),
    queue: register(0x0c, 32, "7.8.10.5", "FRS Message Queue: any write removes the oldest message", {
      functionId: bits(15, 0, "RO", "Function of the oldest message"),
      reason: bits(19, 16, "RO", "Its reason", reasons),
      depth: bits(31, 20, "RO", "Messages in the queue"),
    }),
  },
});

/** A time: a number in the lower nine bits, and its unit as a power of 32 ns above them (section 7.9.17). */
const time = (lo: number, title: string) => bits(lo + 11, lo, "HwInit", `${title}, times 32 ns ** scale`);

/** Readiness time reporting (section 7.9.17): how long a function takes until it answers configuration requests. */
export const readinessTime = capability({
  id: 0x0022,
  title: "Readiness Time Reporting",
  length: 12,
  registers: {
    times1: register(0x04, 32, "7.9.17.2", "Readiness Time Reporting 1", {
      reset: time(0, "Reset time"),
      linkUp: time(12, "DL_Up time"),
      valid: flag(31, "HwInit", "The times are valid"),
    }),
    times2: register(0x08, 32, "7.9.17.3", "Readiness Time Reporting 2", {
      functionReset: time(0, "FLR time"),
      d3HotToD0: time(12, "D3hot to D0 time"),
    }),
  },
});
