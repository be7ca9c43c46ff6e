import { flitLogging } from "../../capabilities/flit-logging.ts";
import { flag } from "../../table.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { hexField, line, wordField } from "../line.ts";
import { widthField } from "./flit-words.ts";

const r = flitLogging.registers;
const { fields: log1 } = r.log1;
const { fields: log2 } = r.log2;
const { fields: control } = r.counterControl;
const { fields: status } = r.counterStatus;
const { fields: measurement } = r.measurementControl;

const granularities = ["all", "even", "odd", "mismatch"];
// lspci takes the highest bit of the width for the one that tells of the interrupt.
const interrupt = flag(2, "RO", "As lspci has it");

const lines = {
  log1: line`\t\tLog1:      Valid${log1.valid}, Link Width: ${widthField(log1.width)}
\t\t\t   More entries${log1.more} Unrecognized flit${log1.unrecognized} FEC uncorrectable${log1.uncorrectable}
\t\t\t   SyndParityGrp0: ${hexField(log1.parity0, 2)}, SyndCheckGrp0: ${hexField(log1.check0, 2)}\n`,
  log2: line`\t\tLog2:      SyndParityGrp1: ${hexField(log2.parity1, 2)}, SyndCheckGrp1: ${hexField(log2.check1, 2)}
\t\t\t   SyndParityGrp2: ${hexField(log2.parity2, 2)}, SyndCheckGrp2: ${hexField(log2.check2, 2)}\n`,
  control: line`\t\tCntCtl:    Flit Error Counter En${control.enable} Flit Error Counter Interrupt En${control.interrupt}
\t\t\t   Events to count: ${control.events}, Trigger Event on Error Count: ${hexField(control.trigger, 2)}\n`,
  status: line`\t\tCntSts:    Link Width when Error Counter Started ${widthField(status.width)}
\t\t\t   Interrupt Generated based on Trigger Event Count${interrupt}, FlitErr: ${status.count}\n`,
  measurement: line`\t\tMeasCtl:   En${measurement.enable} Granularity: ${wordField(measurement.granularity, granularities, "")}\n`,
  invalid: line`\t\tMeasSts2:  Invalid Flit Counter: ${r.invalidFlits.fields.count}\n`,
} as const;

const { lanes } = flitLogging.lists;
const LANES = 16;
/** Number of the status register that has the first lanes. */
const FIRST_STATUS = 3;

/** Flit logging. */
export const flitLoggingText: CapabilityPrinter = (capability) => {
  const head = "Flit Logging\n";
  if (
    !capability.verbose ||
    !capability.has(r.log1.offset, lanes.first + lanes.stride * LANES - r.log1.offset)
  )
    return head;
  return (
    head +
    lines.log1(capability.read(r.log1)) +
    lines.log2(capability.read(r.log2)) +
    lines.control(capability.read(r.counterControl)) +
    lines.status(capability.read(r.counterStatus)) +
    lines.measurement(capability.read(r.measurementControl)) +
    `\t\tMeasSts1:  Flit Counter: ${capability.read(r.flits)}\n` +
    lines.invalid(capability.read(r.invalidFlits)) +
    lanesText(capability)
  );
};

/** Two lanes a line, in columns. */
function lanesText(capability: CapabilityText): string {
  let text = "";
  for (let lane = 0; lane < LANES; lane += 2) {
    const status = `MeasSts${FIRST_STATUS + lane / 2}:`.padEnd(11);
    text += `\t\t${status}${laneText(capability, lane)}, ${laneText(capability, lane + 1)}\n`;
  }
  return text;
}

function laneText(capability: CapabilityText, lane: number): string {
  const errors = String(capability.read16(lanes.first + lanes.stride * lane));
  return `${`Lane${lane}:`.padEnd(7)} ${errors.padStart(5)}`;
}
