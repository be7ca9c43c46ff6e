import { capability } from "../capability.ts";
import { bits, register } from "../table.ts";

const latency = {
  value: bits(9, 0, "RW", "Latency, in units of the scale"),
  scale: bits(12, 10, "RW", "Unit", ["1 ns", "32 ns", "1024 ns", "32768 ns", "1048576 ns", "33554432 ns"]),
} as const;

/** Latency tolerance reporting (section 7.8.2): most that the function may ask for. */
export const latencyTolerance = capability({
  id: 0x0018,
  title: "Latency Tolerance Reporting",
  length: 8,
  registers: {
    snoop: register(0x04, 16, "7.8.2.2", "Max Snoop Latency", latency),
    noSnoop: register(0x06, 16, "7.8.2.3", "Max No-Snoop Latency", latency),
  },
});
