/**
 * Structures of VFIO as tables with one codec, for protocols that speak them elsewhere than to the kernel. No addon is
 * loaded.
 *
 * @packageDocumentation
 */
export { type InfoCapability, infoCapabilities } from "./capability-chain.ts";
export { defineStruct, type Fields, type FieldType, type Struct, type Values } from "./struct.ts";
export { type Names, StructRecord } from "./struct-record.ts";
export * as uapi from "./uapi/vfio.ts";
