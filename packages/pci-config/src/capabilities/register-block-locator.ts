import { capability } from "../capability.ts";
import { countIn } from "../list-count.ts";
import { fieldAt } from "../register.ts";
import { address, bits, register, value } from "../table.ts";
import { list } from "../view.ts";

const section = "PCI Express 6.2, 7.9.30";

/** Registers of a locator: where a block of registers lies. */
export const registerBlock = {
  low: register(0x00, 32, `${section}.3`, "MRBL Locator, lower half", {
    bar: bits(2, 0, "HwInit", "BAR that holds the block"),
    id: bits(15, 8, "HwInit", "What the block holds", ["nothing", "management capabilities"]),
    offset: address(31, 16, "HwInit", "Bytes into the BAR, lower half"),
  }),
  offsetHigh: value(0x04, 32, `${section}.3`, "MRBL Locator, upper half", "HwInit"),
} as const;

/** First byte of the locators. */
export const FIRST_LOCATOR = 8;
/** Bytes of a locator. */
export const LOCATOR = 8;

const capabilities = register(0x04, 32, `${section}.2`, "MRBL Capabilities", {
  length: bits(11, 0, "HwInit", "Length of the whole capability, in bytes"),
});

/** MMIO register block locator (PCI Express 6.2, section 7.9.30): blocks of registers in memory, and where they lie. */
export const registerBlockLocator = capability({
  id: 0x0036,
  title: "MMIO Register Block Locator",
  head: 8,
  length: (region, offset) => fieldAt(region, offset, capabilities, "length"),
  minimum: FIRST_LOCATOR,
  registers: { capabilities },
  lists: {
    locators: list(registerBlock, function* ({ length }) {
      for (let at = FIRST_LOCATOR; at + LOCATOR <= length; at += LOCATOR) yield at;
    }),
  },
  counts: { locators: countIn(capabilities, "length", { times: LOCATOR, plus: FIRST_LOCATOR }) },
});
