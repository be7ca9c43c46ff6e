/**
 * Registers as a table: for a model, its driver, and people. Hosts nothing.
 *
 * @packageDocumentation
 */
export type {
  FieldName,
  FieldValues,
  ReadableRegister,
  ReadWriteRegister,
  RegisterArray,
  RegisterOf,
  Registers,
  RowAccess,
  WritableRegister,
} from "./accessor-types.ts";
export { registersOf } from "./accessors.ts";
export { registerBank } from "./bank.ts";
export type { BankOptions, RegisterBank, RegisterHandler, RegisterHandlers } from "./bank-types.ts";
export { decodeAccess } from "./decode.ts";
export { formatRegisters } from "./format.ts";
export { registerTable } from "./register-table.ts";
export type {
  AnyRegisterTable,
  FoundRegister,
  RegisterAccess,
  RegisterField,
  RegisterRow,
  RegisterRows,
  RegisterTable,
  RegisterValue,
} from "./table.ts";
