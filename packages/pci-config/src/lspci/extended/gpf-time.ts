import { cxlGpfRegisters, gpfScales } from "../../capabilities/cxl-gpf.ts";
import { fieldOf, hex } from "../line.ts";

const { fields } = cxlGpfRegisters.gpfPhase2Duration;

/** A time of global persistent flush; ports and devices have the same fields for it. */
export function gpfTime(name: string, raw: number): string {
  const [base, code] = [fieldOf(fields.base, raw), fieldOf(fields.scale, raw)];
  const scale = gpfScales[code];
  if (scale) return `\t\t${name}: ${base * scale[0]}${scale[1]}\n`;
  return `\t\tReserved time scale encoding ${hex(code, 1)}\n\t\t${name}: ${base}<?>\n`;
}
