/**
 * The text of `lspci`, of devices as data.
 *
 * @packageDocumentation
 */
export { type DumpedFunction, type DumpOptions, parseDump } from "../dump.ts";
export { PciIds } from "../ids.ts";
export type {
  FunctionAddress,
  LspciDevice,
  SystemFacts,
  SystemIdentity,
  SystemLink,
  SystemRange,
} from "./device.ts";
export { type DeviceFilter, idFilter, isOpenFilter, slotFilter } from "./filter.ts";
export { addressText, listText, sortDevices } from "./list.ts";
export type { IdStyle, LspciOptions, Verbosity } from "./options.ts";
export { deviceText } from "./print.ts";
export { hasRawBytes, textBytes } from "./raw-text.ts";
export { treeText } from "./tree.ts";
