import { resizableBar } from "../../capabilities/resizable-bar.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, line, mapField } from "../line.ts";

const { first, stride, registers } = resizableBar.lists.bars;
const { capabilities, control } = registers;
const { fields: ctl } = control;

const MOST = 6;

/** Largest size that has a unit, as a power of 2 of 1 MiB: 8 EiB. */
const LARGEST = 43;
const units = ["M", "G", "T", "P", "E"];

function sizeText(power: number): string {
  if (power > LARGEST) return "<unknown>";
  return `${1 << (power % 10)}${units[Math.floor(power / 10)]}B`;
}

const current = line`\t\tBAR ${ctl.bar}: current size: ${mapField(ctl.size, sizeText)}`;

/** Prints each BAR, up to the first that cannot be read. */
const resizable =
  (head: string): CapabilityPrinter =>
  (capability) => {
    if (!capability.verbose) return `${head}\n`;
    const unreadable = "\t\t<unreadable>\n";
    let text = `${head}\n`;
    if (!capability.has(first, stride)) return text + unreadable;
    const count = fieldOf(ctl.count, capability.read32(first + control.offset));
    if (count < 1 || count > MOST) {
      return `${text}\t\t<error in resizable BAR: num_bars=${count} is out of specification>\n`;
    }
    for (let i = 0; i < count; i++) {
      if (!capability.has(first + i * stride, stride)) return text + unreadable;
      text += barText(capability, first + i * stride);
    }
    return text;
  };

function barText(capability: CapabilityText, at: number): string {
  const setting = capability.read32(at + control.offset);
  const small = fieldOf(capabilities.fields.sizes, capability.read32(at + capabilities.offset));
  const large = fieldOf(ctl.largeSizes, setting);
  // 28 bits in one register and 16 in the other.
  const isAble = (power: number) => (power < 28 ? small >>> power : large >>> (power - 28)) & 1;
  const sizes = Array.from({ length: LARGEST + 1 }, (_, power) =>
    isAble(power) ? ` ${sizeText(power)}` : "",
  );
  const supported = sizes.join("");
  return `${current(setting)}${supported && `, supported:${supported}`}\n`;
}

/** Resizable BARs of the function. */
export const resizableBarText = resizable("Physical Resizable BAR");
/** Resizable BARs of the virtual functions. */
export const vfResizableBarText = resizable("Virtual Resizable BAR");
