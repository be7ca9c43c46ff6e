/**
 * Registers of a function by name, read, and changed in a way that can be taken back.
 *
 * @packageDocumentation
 */
export { applyEdits, planEdits, planUndo, type RegisterEdit } from "./edit.ts";
export { type RegisterReading, readNamed } from "./read.ts";
export {
  type ConfigRegister,
  configRegisters,
  findNamed,
  type NamedPlace,
  registersAt,
} from "./registers.ts";
