import type { CapabilityPrinter } from "../capability-text.ts";

/** A capability of which lspci prints no more than its name. */
const named =
  (name: string): CapabilityPrinter =>
  () =>
    `${name}\n`;

/** The printers of standard capabilities, by id. An id that is not here prints as a number. */
export const standardPrinters: ReadonlyMap<number, CapabilityPrinter> = new Map([
  [0x00, named("Null")],
  [0x06, named("CompactPCI hot-swap <?>")],
  [0x0b, named("CompactPCI central resource control <?>")],
  [0x0c, named("Hot-plug capable")],
  [0x0e, named("AGP3 <?>")],
  [0x0f, named("Secure device <?>")],
]);
