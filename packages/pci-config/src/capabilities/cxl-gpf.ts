import { type Access, bits, register, value } from "../table.ts";

/** What a unit of time is, by its scale: so many of a unit. */
export const gpfScales: readonly (readonly [factor: number, unit: string])[] = [
  [1, "us"],
  [10, "us"],
  [100, "us"],
  [1, "ms"],
  [10, "ms"],
  [100, "ms"],
  [1, "s"],
  [10, "s"],
];
const scaleWords = gpfScales.map(([factor, unit]) => `${factor} ${unit}`);

const time = <const A extends Access>(access: A) => ({
  base: bits(3, 0, access, "Time, in units of the scale"),
  scale: bits(11, 8, access, "Unit of time", scaleWords),
});
const port = { when: "cxlGpfPort" } as const;
const device = { when: "cxlGpfDevice" } as const;

/** Registers of the DVSECs for global persistent flush, of ports (id 4) and of devices (id 5). Times have the same fields in all. */
export const cxlGpfRegisters = {
  gpfPhase1: register(0x0c, 16, "CXL 3.1, 8.1.6.1", "GPF Phase 1 Control", time("RW"), port),
  gpfPhase2: register(0x0e, 16, "CXL 3.1, 8.1.6.2", "GPF Phase 2 Control", time("RW"), port),
  gpfPhase2Duration: register(0x0a, 16, "CXL 3.1, 8.1.7.1", "GPF Phase 2 Duration", time("RO"), device),
  gpfPhase2Power: value(0x0c, 32, "CXL 3.1, 8.1.7.2", "GPF Phase 2 Power, in milliwatts", "RO", device),
} as const;
