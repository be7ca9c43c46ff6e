import { processingHints } from "../../capabilities/processing-hints.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { ifSet, line, wordField } from "../line.ts";

const { capabilities } = processingHints.registers;
const { fields: c } = capabilities;

const tables = [
  "No steering table available",
  "Steering table in TPH capability structure",
  "Steering table in MSI-X table",
  "Reserved steering table location",
];

const support = line`${ifSet(c.interruptVector, "\t\tInterrupt vector mode supported\n")}${ifSet(c.deviceSpecific, "\t\tDevice specific mode supported\n")}${ifSet(c.extended, "\t\tExtended requester support\n")}\t\t${wordField(c.tableLocation, tables, "")}\n`;

/** TLP processing hints. */
export const processingHintsText: CapabilityPrinter = (capability) => {
  const head = "Transaction Processing Hints\n";
  if (!capability.verbose || !capability.hasFrom(capabilities, capabilities)) return head;
  return head + support(capability.read(capabilities));
};
