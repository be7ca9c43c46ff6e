import { serialNumber } from "../../capabilities/small.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { hex } from "../line.ts";

const { low } = serialNumber.registers;

/** Device serial number, its bytes from the highest to the lowest. Of one that is cut off not even the name is printed. */
export const serialNumberText: CapabilityPrinter = (capability) => {
  if (!capability.has(low.offset, 8)) return "";
  const bytes = hex(capability.read64(low.offset), 16).match(/../g)!;
  return `Device Serial Number ${bytes.join("-")}\n`;
};
