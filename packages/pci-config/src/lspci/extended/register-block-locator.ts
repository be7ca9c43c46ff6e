import {
  FIRST_LOCATOR,
  LOCATOR,
  registerBlock,
  registerBlockLocator,
} from "../../capabilities/register-block-locator.ts";
import { fieldMask } from "../../table.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { fieldOf, hex, line, wordField } from "../line.ts";

const { capabilities } = registerBlockLocator.registers;
const { fields: b } = registerBlock.low;

const UNREADABLE = "\t\t<unreadable>\n";
const blocks: Readonly<Record<number, string>> = { 0: "Empty", 1: "MCAP", 255: "MDVS" };
const blockName = (id: number) => blocks[id] ?? `Reserved (${id})`;
const locatorLine = line`BIR: BAR${b.bar}, ID: ${wordField(b.id, [], blockName)}, offset: `;

/**
 * Locator of blocks of registers in memory. lspci wants as many bytes behind the register that tells the length; where that says
 * less than the capability has without locators, it goes on to the end of the space.
 */
export const registerBlockLocatorText: CapabilityPrinter = (capability) => {
  const head = "MMIO Register Block Locator\n";
  if (!capability.verbose) return head;
  const length = fieldOf(capabilities.fields.length, capability.read(capabilities));
  if (!capability.hasFrom(capabilities, capabilities) || !capability.has(FIRST_LOCATOR, length))
    return head + UNREADABLE;
  const count = length < FIRST_LOCATOR ? Number.POSITIVE_INFINITY : Math.floor(length / LOCATOR) - 1;
  let text = head;
  for (let number = 0; number < count; number++) {
    const at = FIRST_LOCATOR + LOCATOR * number;
    if (!capability.has(at, LOCATOR)) return text + UNREADABLE;
    const low = capability.read32(at);
    const offset =
      hex(capability.read32(at + registerBlock.offsetHigh.offset), 8) +
      hex((low & fieldMask(b.offset)) >>> 0, 8);
    text += `\t\tLocator${number}: ${locatorLine(low)}${offset}\n`;
  }
  return text;
};
