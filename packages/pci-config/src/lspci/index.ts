/**
 * The text of `lspci`, of devices as data.
 *
 * @packageDocumentation
 */
export { PciIds } from "../ids.ts";
export type { FunctionAddress, LspciDevice, SystemFacts, SystemRange } from "./device.ts";
export type { IdStyle, LspciOptions, Verbosity } from "./options.ts";
export { deviceText } from "./print.ts";
