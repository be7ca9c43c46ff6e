import { latencyScales, latencyTolerance } from "../../capabilities/latency-tolerance.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { fieldOf } from "../line.ts";

const { snoop, noSnoop } = latencyTolerance.registers;

/** Nanoseconds by scale. The last two are reserved: lspci shifts 5 bits further for each, within 32. */
const scales = [...latencyScales, 1 << 30, 1 << 3];

/** A latency in ns. */
const latency = (raw: number) => fieldOf(snoop.fields.value, raw) * scales[fieldOf(snoop.fields.scale, raw)]!;

/** Latency tolerance reporting. */
export const latencyToleranceText: CapabilityPrinter = (capability) => {
  const head = "Latency Tolerance Reporting\n";
  if (!capability.verbose || !capability.hasFrom(snoop, noSnoop)) return head;
  return (
    `${head}\t\tMax snoop latency: ${latency(capability.read(snoop))}ns\n` +
    `\t\tMax no snoop latency: ${latency(capability.read(noSnoop))}ns\n`
  );
};
