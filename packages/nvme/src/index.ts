/**
 * Registers, queue entries and codes of NVM Express controllers.
 *
 * @packageDocumentation
 */
export {
  ALL_NAMESPACES,
  adminOpcode,
  identifyStructure,
  ioOpcode,
  logPage,
  nvmeFeature,
  nvmeStatus,
} from "./commands.ts";
export { COMMAND_SIZE, COMPLETION_SIZE, nvmeCommand, nvmeCompletion } from "./entries.ts";
export { DOORBELL_PAIRS, DOORBELLS, nvmeRegisters } from "./registers.ts";
export {
  controllerLayout,
  healthLayout,
  IDENTIFY_SIZE,
  namespaceLayout,
  readNumber,
  readText,
  type StructureField,
  type StructureLayout,
  type StructureValues,
  writeStructure,
} from "./structures.ts";
