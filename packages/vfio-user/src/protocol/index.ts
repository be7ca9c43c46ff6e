/**
 * The vfio-user protocol as data: commands, structures, capabilities. It opens nothing.
 *
 * @packageDocumentation
 */
export {
  agreedMinor,
  type Capabilities,
  decodeVersion,
  defaultCapabilities,
  encodeVersion,
  type MigrationCapability,
  VERSION,
  type Version,
} from "./capabilities.ts";
export {
  type AnyStruct,
  type Command,
  type CommandName,
  commandOf,
  commands,
  type Layout,
} from "./commands.ts";
export { errnoOf, errorOf, protocolError } from "./errors.ts";
export { type Header, headerFlag, readHeader, writeHeader } from "./header.ts";
export { limits } from "./limits.ts";
export {
  decodeMessage,
  decodeReply,
  decodeRequest,
  encodeError,
  encodeReply,
  encodeRequest,
  type FieldValues,
  type Message,
  type ReplyValues,
  type RequestValues,
  type StructOf,
  type ValuesOf,
} from "./messages.ts";
export {
  type DecodedRegionInfo,
  decodeRegionInfo,
  encodeRegionInfo,
  type RegionDescription,
  regionInfoSize,
} from "./region-info.ts";
export * as structures from "./structures.ts";
