import { msi } from "../../capabilities/msi.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { fieldOf, hex, line } from "../line.ts";

const { control, addressLo } = msi.registers;
const { fields: c } = control;

const count = (raw: number) =>
  `${1 << fieldOf(c.multipleEnable, raw)}/${1 << fieldOf(c.multipleCapable, raw)}`;
const head = line`MSI: Enable${c.enable} Count=${count} Maskable${c.perVectorMasking} 64bit${c.address64}\n`;

/** Message signaled interrupts, in their four layouts. */
export const msiText: CapabilityPrinter = (capability) => {
  const bits = capability.read(control);
  const title = head(bits);
  const wide = fieldOf(c.address64, bits) === 1;
  const data = wide ? 12 : 8;
  if (!capability.verbose || !capability.has(4, data - 2)) return title;
  const upper = wide ? hex(capability.read32(8), 8) : "";
  const address = `${upper}${hex(capability.read(addressLo), 8)}`;
  const text = `${title}\t\tAddress: ${address}  Data: ${hex(capability.read16(data), 4)}\n`;
  if (fieldOf(c.perVectorMasking, bits) === 0 || !capability.has(data + 4, 8)) return text;
  const masks = `Masking: ${hex(capability.read32(data + 4), 8)}  Pending: ${hex(capability.read32(data + 8), 8)}`;
  return `${text}\t\t${masks}\n`;
};
