import { pm } from "../../capabilities/pm.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { line, wordField } from "../line.ts";

const { capabilities, control, bridge } = pm.registers;
const { fields: c } = capabilities;
const { fields: s } = control;
const { fields: b } = bridge;

const currents = [0, 55, 100, 160, 220, 270, 320, 375].map((current) => `${current}mA`);

const head = line`Power Management version ${c.version}\n`;
const flags = line`\t\tFlags: PMEClk${c.pmeClock} DSI${c.deviceSpecificInitialization} D1${c.d1} D2${c.d2} AuxCurrent=${wordField(c.auxiliaryCurrent, currents, "")} PME(D0${c.pmeFromD0},D1${c.pmeFromD1},D2${c.pmeFromD2},D3hot${c.pmeFromD3Hot},D3cold${c.pmeFromD3Cold})\n`;
const status = line`\t\tStatus: D${s.powerState} NoSoftRst${s.noSoftReset} PME-Enable${s.pmeEnable} DSel=${s.dataSelect} DScale=${s.dataScale} PME${s.pmeStatus}\n`;
// lspci prints the B2/B3 bit the other way round.
const extensions = line`\t\tBridge: PM${b.busPowerClockControl} B3${(raw) => (raw & 0x40 ? "-" : "+")}\n`;

/** Power management. */
export const pmText: CapabilityPrinter = (capability) => {
  const caps = capability.read(capabilities);
  if (!capability.verbose) return head(caps);
  let text = head(caps) + flags(caps);
  if (!capability.has(4, 4)) return text;
  text += status(capability.read(control));
  const bits = capability.read(bridge);
  return bits === 0 ? text : text + extensions(bits);
};
