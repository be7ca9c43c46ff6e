/**
 * Registers as a table: for a model, its driver, and people. Hosts nothing.
 *
 * @packageDocumentation
 */
export type {
  AnyRegisterTable,
  FoundRegister,
  RegisterAccess,
  RegisterField,
  RegisterRow,
  RegisterRows,
  RegisterTable,
} from "./table.ts";
