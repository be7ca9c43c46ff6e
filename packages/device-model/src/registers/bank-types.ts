import type { AccessHandler } from "../model.ts";
import type { FieldName, FieldValues } from "./accessor-types.ts";
import type { RegisterRows, RegisterTable, RegisterValue } from "./table.ts";

/** What a model does when one of its registers is accessed. What it leaves out is done by the table alone. */
export interface RegisterHandler<Value> {
  /**
   * Answers a read. Bits that reading clears are cleared after it.
   *
   * @param value what the table answers
   * @param index of an array; 0 of others
   * @returns what the driver gets
   */
  read?(value: Value, index: number): Value;
  /**
   * Acts on a write. Of a register of 64 bits that is written in halves, on each. Not called where nothing can be written.
   *
   * @param value what it holds now, of a write-only register what was written
   * @param former what it held before
   * @param index of an array; 0 of others
   */
  write?(value: Value, former: Value, index: number): void;
}

/** Handlers by the name of the register. */
export type RegisterHandlers<Rows extends RegisterRows> = {
  readonly [Name in keyof Rows]?: RegisterHandler<RegisterValue<Rows[Name]>>;
};

/** How a bank answers what the table does not. */
export interface BankOptions {
  /** What reads answer at offsets of no register, and of registers that are write-only; 32 bits, of which narrower accesses get the low ones. Default 0. */
  readonly unclaimed?: number;
  /**
   * Accesses narrower than a register, but for halves of 64 bits: `merge` reads and writes the bytes that are meant; a number is
   * what reads answer, and writes are dropped. Default `merge`.
   */
  readonly narrow?: "merge" | number;
}

/** The registers of a BAR in a model: it keeps the values, and applies the kinds of access of the table. */
export interface RegisterBank<Rows extends RegisterRows> extends Required<AccessHandler> {
  /** What it was made of. */
  readonly table: RegisterTable<Rows>;
  /**
   * What a register holds, whatever a driver may read of it.
   *
   * @param index of an array. Default 0
   * @throws PciError `ERR_OUT_OF_RANGE`
   */
  get<Name extends keyof Rows & string>(name: Name, index?: number): RegisterValue<Rows[Name]>;
  /**
   * Makes a register hold the low bits of a value, by no handler.
   *
   * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT`
   */
  set<Name extends keyof Rows & string>(name: Name, value: RegisterValue<Rows[Name]>, index?: number): void;
  /**
   * A field of what a register holds; of a register of 64 bits a bigint.
   *
   * @throws PciError `ERR_OUT_OF_RANGE`
   */
  field<Name extends keyof Rows & string>(
    name: Name,
    field: FieldName<Rows[Name]>,
    index?: number,
  ): RegisterValue<Rows[Name]>;
  /**
   * Changes fields of what a register holds, whatever a driver may do with them, by no handler.
   *
   * @throws PciError `ERR_OUT_OF_RANGE` for a value that does not fit
   */
  update<Name extends keyof Rows & string>(name: Name, fields: FieldValues<Rows[Name]>, index?: number): void;
  /** Gives each register its reset value, by no handler. */
  reset(): void;
  /** What the registers hold, as bytes for {@link load}. */
  save(): Uint8Array<ArrayBuffer>;
  /** @throws PciError `ERR_PROTOCOL` for what {@link save} of this table did not make; nothing is then changed */
  load(state: Uint8Array): void;
}
