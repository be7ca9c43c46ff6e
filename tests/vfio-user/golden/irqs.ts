import type { Scenario, Step } from "../scenario.ts";
import { enable } from "./registers.ts";

/** Rings the doorbell for a vector. */
const ring = (vector: number): Step => ({
  call: "REGION_WRITE",
  body: `1000000000000000 00000000 04000000 0${vector}000000`,
  reply: "1000000000000000 00000000 04000000",
});

const writeLine: Step = {
  call: "REGION_WRITE",
  body: "1800000000000000 00000000 04000000 01000000",
  reply: "1800000000000000 00000000 04000000",
};

const writeCommand = (value: string): Step => ({
  call: "REGION_WRITE",
  body: `0400000000000000 07000000 02000000 ${value}`,
  reply: "0400000000000000 07000000 02000000",
});

const readStatus = (value: string): Step => ({
  call: "REGION_READ",
  body: "0600000000000000 07000000 02000000",
  reply: `0600000000000000 07000000 02000000 ${value}`,
});

const counters: readonly Step[] = ["a", "b", "c", "d"].map((counter) => ({ counter }));
const counted = (...counts: readonly number[]): Step[] =>
  ["a", "b", "c", "d"].map((count, at) => ({ count, is: counts[at]! }));

/** Vectors of MSI-X by eventfds; triggered, taken away one by one, disabled. */
export const messageScenario: Scenario = {
  name: "MSI-X by eventfds, in all forms",
  steps: [
    enable,
    ...counters,
    //                        argsz    flags    index    start    count
    {
      call: "DEVICE_SET_IRQS",
      body: "14000000 24000000 02000000 00000000 04000000",
      fds: ["a", "b", "c", "d"],
    },
    ring(2),
    ...counted(0, 0, 1, 0),
    // Loopback of two, without data; of the first and the last, with booleans.
    { call: "DEVICE_SET_IRQS", body: "14000000 21000000 02000000 01000000 02000000" },
    ...counted(0, 1, 1, 0),
    { call: "DEVICE_SET_IRQS", body: "18000000 22000000 02000000 00000000 04000000 01000001" },
    ...counted(1, 0, 0, 1),
    // The last is taken away, the first gets another's.
    { call: "DEVICE_SET_IRQS", body: "14000000 24000000 02000000 03000000 01000000" },
    { call: "DEVICE_SET_IRQS", body: "14000000 24000000 02000000 00000000 01000000", fds: ["d"] },
    { call: "DEVICE_SET_IRQS", body: "14000000 21000000 02000000 00000000 04000000" },
    ...counted(0, 1, 1, 1),
    // Not as many descriptors as vectors, vectors that are not there, contradictions.
    { call: "DEVICE_SET_IRQS", body: "14000000 24000000 02000000 00000000 02000000", fds: ["a"], error: 22 },
    { call: "DEVICE_SET_IRQS", body: "14000000 24000000 02000000 04000000 01000000", fds: ["a"], error: 22 },
    { call: "DEVICE_SET_IRQS", body: "14000000 21000000 02000000 ffffffff 02000000", error: 22 },
    { call: "DEVICE_SET_IRQS", body: "14000000 23000000 02000000 00000000 01000000", error: 22 },
    { call: "DEVICE_SET_IRQS", body: "14000000 39000000 02000000 00000000 01000000", error: 22 },
    { call: "DEVICE_SET_IRQS", body: "14000000 22000000 02000000 00000000 04000000 0101", error: 22 },
    { call: "DEVICE_SET_IRQS", body: "14000000 21000000 05000000 00000000 01000000", error: 22 },
    ring(1),
    ...counted(0, 1, 0, 0),
    // All off.
    { call: "DEVICE_SET_IRQS", body: "14000000 21000000 02000000 00000000 00000000" },
    ring(1),
    ...counted(0, 0, 0, 0),
  ],
};

/** The line: level, masked with each interrupt, again when it is unmasked unserved. */
export const lineScenario: Scenario = {
  name: "INTx is a level",
  steps: [
    enable,
    { counter: "line" },
    readStatus("1000"),
    { call: "DEVICE_SET_IRQS", body: "14000000 24000000 00000000 00000000 01000000", fds: ["line"] },
    ring(0),
    { count: "line", is: 1 },
    readStatus("1800"),
    // Masked by its interrupt; not served when it is unmasked, then served.
    ring(0),
    { count: "line", is: 0 },
    { call: "DEVICE_SET_IRQS", body: "14000000 11000000 00000000 00000000 01000000" },
    { count: "line", is: 1 },
    writeLine,
    readStatus("1000"),
    { call: "DEVICE_SET_IRQS", body: "15000000 12000000 00000000 00000000 01000000 01" },
    { count: "line", is: 0 },
    // Masked by the driver.
    { call: "DEVICE_SET_IRQS", body: "14000000 09000000 00000000 00000000 01000000" },
    ring(0),
    { count: "line", is: 0 },
    { call: "DEVICE_SET_IRQS", body: "14000000 11000000 00000000 00000000 01000000" },
    { count: "line", is: 1 },
    writeLine,
    { call: "DEVICE_SET_IRQS", body: "14000000 11000000 00000000 00000000 01000000" },
    // By Interrupt Disable, which goes while it is pending.
    writeCommand("0604"),
    ring(0),
    readStatus("1800"),
    { count: "line", is: 0 },
    writeCommand("0600"),
    { count: "line", is: 1 },
  ],
};
