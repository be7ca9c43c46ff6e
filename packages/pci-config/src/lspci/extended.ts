import { extendedHeader } from "../walk.ts";
import { type CapabilityPrinter, CapabilityText, type PrintedDevice } from "./capability-text.ts";
import { extendedPrinters } from "./extended/printers.ts";
import { fieldOf, hex } from "./line.ts";

const FIRST = 0x100;
const { fields } = extendedHeader;

/** The extended capabilities, a few lines for each. As in lspci, the list may lead into the standard part. */
export function extendedText(printed: PrintedDevice): string {
  const { config, options } = printed;
  let text = "";
  const seen = new Set<number>();
  for (let offset = FIRST; offset !== 0 && config.has(offset, 4); ) {
    const header = config.read32(offset);
    if (header === 0 || header === 0xffff_ffff) break;
    const version = fieldOf(fields.version, header);
    const at = options.verbosity > 1 ? `${hex(offset, 3)} v${version}` : hex(offset, 3);
    text += `\tCapabilities: [${at}] `;
    if (seen.has(offset)) return `${text}<chain looped>\n`;
    seen.add(offset);
    const id = fieldOf(fields.id, header);
    const printer = extendedPrinters.get(id) ?? unknownExtended;
    text += printer(new CapabilityText({ offset, id, version }, printed));
    offset = fieldOf(fields.next, header) & ~3;
  }
  return text;
}

const unknownExtended: CapabilityPrinter = ({ id }) => `Extended Capability ID 0x${id.toString(16)}\n`;
