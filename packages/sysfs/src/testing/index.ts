/**
 * Builds the sysfs of a machine from data, for tests of what reads it.
 *
 * @packageDocumentation
 */
export {
  type FunctionData,
  type GroupData,
  type MachineData,
  type ProcessData,
  writeMachine,
} from "./machine.ts";
