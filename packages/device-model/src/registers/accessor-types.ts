import type { RegisterAccess, RegisterRow, RegisterRows, RegisterValue } from "./table.ts";

/** Names of a row's fields. */
export type FieldName<Row extends RegisterRow> = Row extends { readonly fields: infer Fields }
  ? keyof Fields & string
  : never;

/** Values for fields, by name: of a flag, also a boolean. */
export type FieldValues<Row extends RegisterRow> = {
  readonly [Name in FieldName<Row>]?: RegisterValue<Row> | boolean;
};

/** A register that can be read. */
export interface ReadableRegister<Row extends RegisterRow> {
  /** Bytes from the start of the region. */
  readonly offset: number;
  /** Reads it in one access of its width. @throws PciError as a `Region` does */
  read(): RegisterValue<Row>;
  /** Reads it, and takes a field out; of a register of 64 bits a bigint. */
  get(field: FieldName<Row>): RegisterValue<Row>;
}

/** A register that can be written. */
export interface WritableRegister<Row extends RegisterRow> {
  /** Bytes from the start of the region. */
  readonly offset: number;
  /** Writes it in one access of its width. @throws PciError as a `Region` does */
  write(value: RegisterValue<Row>): void;
  /** Writes it with these fields, and 0 for all others. @throws PciError `ERR_OUT_OF_RANGE` for a value that does not fit */
  set(fields: FieldValues<Row>): void;
}

/** A register that can be read and written. */
export interface ReadWriteRegister<Row extends RegisterRow>
  extends ReadableRegister<Row>,
    WritableRegister<Row> {
  /**
   * Reads it and writes it back with these fields changed. Bits that writing 1 clears or sets are written as 0 unless they are
   * named.
   *
   * @throws PciError `ERR_OUT_OF_RANGE` for a value that does not fit
   */
  update(fields: FieldValues<Row>): void;
}

/** The kinds of access that a row and its fields have. */
export type RowAccess<Row extends RegisterRow> =
  | Row["access"]
  | (Row extends { readonly fields: infer Fields }
      ? Extract<Fields[keyof Fields], { readonly access: RegisterAccess }>["access"]
      : never);

/** What a row allows. */
export type RegisterOf<Row extends RegisterRow> = [Exclude<RowAccess<Row>, "ro" | "rc">] extends [never]
  ? ReadableRegister<Row>
  : [Exclude<RowAccess<Row>, "wo">] extends [never]
    ? WritableRegister<Row>
    : ReadWriteRegister<Row>;

/** Registers that repeat. */
export interface RegisterArray<Register> {
  readonly length: number;
  /** @throws PciError `ERR_OUT_OF_RANGE` */
  at(index: number): Register;
}

/** The registers of a table in a region, by name. */
export type Registers<Rows extends RegisterRows> = {
  readonly [Name in keyof Rows]: Rows[Name] extends { readonly count: number }
    ? RegisterArray<RegisterOf<Rows[Name]>>
    : RegisterOf<Rows[Name]>;
};
