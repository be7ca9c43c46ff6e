import { dataObjectExchange } from "../../capabilities/data-object-exchange.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { fieldOf, line } from "../line.ts";

const { capabilities, control, status, readMailbox } = dataObjectExchange.registers;
const { fields: a } = capabilities;
const { fields: c } = control;
const { fields: s } = status;

const able = line`\t\tDOECap: IntSup${a.interrupt}\n`;
const message = line`\t\t\tIntMsgNum ${a.interruptMessage}\n`;
const controls = line`\t\tDOECtl: IntEn${c.interruptEnable}\n`;
const state = line`\t\tDOESta: Busy${s.busy} IntSta${s.interrupt} Error${s.error} ObjectReady${s.ready}\n`;

/** Data object exchange. */
export const dataObjectExchangeText: CapabilityPrinter = (capability) => {
  const head = "Data Object Exchange\n";
  if (!capability.verbose) return head;
  if (!capability.hasFrom(capabilities, readMailbox)) return `${head}\t\t<unreadable>\n`;
  const raw = capability.read(capabilities);
  const interrupt = fieldOf(a.interrupt, raw) === 1 ? message(raw) : "";
  return head + able(raw) + interrupt + controls(capability.read(control)) + state(capability.read(status));
};
