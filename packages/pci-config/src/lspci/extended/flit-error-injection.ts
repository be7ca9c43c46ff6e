import { flitErrorInjection } from "../../capabilities/flit-error-injection.ts";
import { bits, type FieldSpec, flag } from "../../table.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { hexField, type Line, line, wordField } from "../line.ts";

const r = flitErrorInjection.registers;
const { fields: one } = r.control1;
const { fields: two } = r.control2;
const { fields: status } = r.status;
const { fields: setOne } = r.orderedSetControl1;
const { fields: setTwo } = r.orderedSetControl2;
const { fields: sets } = r.orderedSetTransmitted;

const states = ["not started", "started", "completed", "error"];
const state = (field: FieldSpec) => wordField(field, states, "");
const types = ["random", "correctable single group", "correctable three groups", "uncorrectable"];
const consecutives = ["none", "1", "2", "3", "Unknown (4)", "5", "6", "pseudo-random"];

// lspci looks for the speeds three bits too high, and at two bits of the type of flit only.
const speed = (at: number) => flag(at, "RO", "As lspci has it");
const flitType = bits(30, 29, "RO", "As lspci has it");
const flitTypes = ["any", "any non-IDLE", "only payload", "only NOP"];

const orderedSets: Line = line`TS0: ${state(sets.ts0)}, TS1: ${state(sets.ts1)}, TS2: ${state(sets.ts2)}
\t\t\t      SKP: ${state(sets.skp)}, EIEOS: ${state(sets.eieos)}, EIOS: ${state(sets.eios)}
\t\t\t      SDS: ${state(sets.sds)}, Polling: ${state(sets.polling)}, Configuration: ${state(sets.configuration)}
\t\t\t      L0: ${state(sets.l0)}, non-EQ recovery: ${state(sets.recovery)}, Eq01: ${state(sets.phase01)}
\t\t\t      Eq2: ${state(sets.phase2)}, Eq3: ${state(sets.phase3)}\n`;

const lines = {
  control1: line`\t\tFlitEiCtl1:   En${one.enable} Tx${one.transmitted} Rx${one.received} 2.5GT/s${speed(6)} 5.0GT/s${speed(7)} 8.0GT/s${speed(8)} 16.0GT/s${speed(9)} 32.0GT/s${speed(10)} 64.0GT/s${speed(11)}
\t\t\t      Number of errors: ${one.errors}, Spacing between errors: ${one.spacing}, Flit Type: ${wordField(flitType, flitTypes, "")}\n`,
  control2: line`\t\tFlitEiCtl2:   Consecutive: ${wordField(two.consecutive, consecutives, "")}, Type: ${wordField(two.type, types, "")}, Offset: ${two.offset}, Magnitude: ${two.magnitude}\n`,
  status: line`\t\tFlitEiSts:    Tx: ${state(status.transmitted)}, Rx: ${state(status.received)}\n`,
  setControl1: line`\t\tFlitEiOsCtl1: En${setOne.enable} Tx${setOne.transmitted} Rx${setOne.received} TS0${setOne.ts0} TS1${setOne.ts1} TS2${setOne.ts2} SKP${setOne.skp} EIEOS${setOne.eieos} EIOS${setOne.eios}
\t\t\t      SDS${setOne.sds} Poll${setOne.polling} Conf${setOne.configuration} L0${setOne.l0} NoEq${setOne.recovery} Eq01${setOne.phase01} Eq2${setOne.phase2} Eq3${setOne.phase3}\n`,
  setControl2: line`\t\tFlitEiOsCtl2: Bytes: ${hexField(setTwo.bytes, 4)}, Lanes: ${hexField(setTwo.lanes, 4)}\n`,
  transmitted: line`\t\tFlitEiOsTx:   ${orderedSets}`,
  received: line`\t\tFlitEiOsRx:   ${orderedSets}`,
} as const;

/** Flit error injection. */
export const flitErrorInjectionText: CapabilityPrinter = (capability) => {
  const head = "Flit Error Injection\n";
  if (!capability.verbose || !capability.has(4, 0x20)) return head;
  return (
    head +
    lines.control1(capability.read(r.control1)) +
    lines.control2(capability.read(r.control2)) +
    lines.status(capability.read(r.status)) +
    lines.setControl1(capability.read(r.orderedSetControl1)) +
    lines.setControl2(capability.read(r.orderedSetControl2)) +
    lines.transmitted(capability.read(r.orderedSetTransmitted)) +
    lines.received(capability.read(r.orderedSetReceived))
  );
};
