import { capability } from "../capability.ts";
import { bits, register } from "../table.ts";

/** Nanoseconds of the units of a latency (section 6.18), by scale. */
export const latencyScales: readonly number[] = [1, 32, 32 ** 2, 32 ** 3, 32 ** 4, 32 ** 5];

/** The same for people. */
export const latencyUnits: readonly string[] = latencyScales.map((scale) => `${scale} ns`);

const latency = {
  value: bits(9, 0, "RW", "Latency, in units of the scale"),
  scale: bits(12, 10, "RW", "Unit", latencyUnits),
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
