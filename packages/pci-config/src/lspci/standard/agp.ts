import { agp } from "../../capabilities/agp.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { fieldOf, hexField, line } from "../line.ts";

const { revision, status, command } = agp.registers;
const { fields: v } = revision;
const { fields: s } = status;
const { fields: c } = command;

const head = line`AGP version ${hexField(v.major, 1)}.${hexField(v.minor, 1)}\n`;
const statusLine = line`\t\tStatus: RQ=${(raw) => fieldOf(s.requestQueue, raw) + 1} Iso${s.isochronous} ArqSz=${s.asyncRequestSize} Cal=${s.calibrationCycle} SBA${s.sidebandAddressing} ITACoh${s.coherent} GART64${s.gart64} HTrans${s.hostTranslation} 64bit${s.over4G} FW${s.fastWrites} AGP3${s.agp3Mode} Rate=`;
const commandLine = line`\t\tCommand: RQ=${(raw) => fieldOf(c.requestQueue, raw) + 1} ArqSz=${c.asyncRequestSize} Cal=${c.calibrationCycle} SBA${c.sidebandAddressing} AGP${c.enable} GART64${c.gart64} 64bit${c.over4G} FW${c.fastWrites} Rate=`;

/** Rates by bit; in AGP 3.0 mode the same bits mean four times as much. */
function ratesText(bits: number, factor: number): string {
  const rates = [1, 2, 4].filter((rate) => bits & rate).map((rate) => `x${rate * factor}`);
  return `${rates.join(",") || "<none>"}\n`;
}

/** Accelerated Graphics Port. */
export const agpText: CapabilityPrinter = (capability) => {
  const kind = capability.read(revision);
  if (!capability.verbose || !capability.has(4, 8)) return head(kind);
  const state = capability.read(status);
  const setting = capability.read(command);
  const factor = fieldOf(v.major, kind) >= 3 && fieldOf(s.agp3Mode, state) === 1 ? 4 : 1;
  const able = statusLine(state) + ratesText(fieldOf(s.rates, state), factor);
  return head(kind) + able + commandLine(setting) + ratesText(fieldOf(c.rates, setting), factor);
};
