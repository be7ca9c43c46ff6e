import { cxlDeviceRegisters } from "../../capabilities/cxl-device.ts";
import { fieldOf, hex } from "../line.ts";

const { fields } = cxlDeviceRegisters.gpfPhase2Duration;

/** What a scale makes of 1. */
const scales = [
  [1, "us"],
  [10, "us"],
  [100, "us"],
  [1, "ms"],
  [10, "ms"],
  [100, "ms"],
  [1, "s"],
  [10, "s"],
] as const;

/** A time of global persistent flush; ports and devices have the same fields for it. */
export function gpfTime(name: string, raw: number): string {
  const [base, code] = [fieldOf(fields.base, raw), fieldOf(fields.scale, raw)];
  const scale = scales[code];
  if (scale) return `\t\t${name}: ${base * scale[0]}${scale[1]}\n`;
  return `\t\tReserved time scale encoding ${hex(code, 1)}\n\t\t${name}: ${base}<?>\n`;
}
