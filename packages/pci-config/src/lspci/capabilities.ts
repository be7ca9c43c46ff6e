import { type CapabilityPrinter, CapabilityText, type PrintedDevice } from "./capability-text.ts";
import { extendedText } from "./extended.ts";
import { hex } from "./line.ts";
import { standardPrinters } from "./standard/printers.ts";

const HAS_CAPABILITIES = 0x10;
const PCIX = 0x07;
const PCIE = 0x10;

/** Where a header of each layout keeps the pointer to its first capability. */
const pointers: readonly number[] = [0x34, 0x34, 0x14];

/** The capabilities of a device, standard and extended. */
export function capabilitiesText(printed: PrintedDevice): string {
  const { config } = printed;
  const pointer = pointers[config.read8(0x0e) & 0x7f];
  if (pointer === undefined || (config.read16(0x06) & HAS_CAPABILITIES) === 0) return "";
  const { text, extended, pcie } = standardText(printed, config.read8(pointer));
  return extended ? text + extendedText({ ...printed, pcie }) : text;
}

interface StandardText {
  readonly text: string;
  /** What has PCI Express or PCI-X may have extended capabilities too. */
  readonly extended: boolean;
  /** Where PCI Express is; of several capabilities the last one counts. */
  readonly pcie: number | undefined;
}

/** The standard list. */
function standardText(printed: PrintedDevice, first: number): StandardText {
  const { config } = printed;
  const seen = new Set<number>();
  let text = "";
  let extended = false;
  let pcie: number | undefined;
  for (let offset = first & ~3; offset !== 0; ) {
    text += "\tCapabilities: ";
    if (!config.has(offset, 4)) return { text: `${text}<access denied>\n`, extended, pcie };
    text += `[${hex(offset, 2)}] `;
    const id = config.read8(offset);
    if (seen.has(offset)) return { text: `${text}<chain looped>\n`, extended, pcie };
    seen.add(offset);
    if (id === 0xff) return { text: `${text}<chain broken>\n`, extended, pcie };
    extended ||= id === PCIE || id === PCIX;
    if (id === PCIE) pcie = offset;
    const printer = standardPrinters.get(id) ?? unknown;
    text += printer(new CapabilityText({ offset, id, version: 0 }, printed));
    offset = config.read8(offset + 1) & ~3;
  }
  return { text, extended, pcie };
}

const unknown: CapabilityPrinter = (capability) =>
  `Capability ID 0x${hex(capability.id, 2)} [${hex(capability.read16(2), 4)}]\n`;
