/**
 * What software may do with a register: read, write, or both; `rw1c` bits are cleared and `rw1s` bits set by writing 1; `rc` is
 * cleared by reading.
 */
export type RegisterAccess = "ro" | "rw" | "wo" | "rw1c" | "rw1s" | "rc";

/** A named span of bits. */
export interface RegisterField {
  /** Lowest bit. */
  readonly lo: number;
  /** Highest bit, included. Default: `lo`, a flag. */
  readonly hi?: number;
  /** Default: the register's. */
  readonly access?: RegisterAccess;
  /** What it means. */
  readonly doc: string;
  /** Words for its values, by number. */
  readonly words?: Readonly<Record<number, string>>;
}

/** A row of a register table. */
export interface RegisterRow {
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  /** Bits. */
  readonly width: 8 | 16 | 32 | 64;
  readonly access: RegisterAccess;
  /** Value after a reset. Default 0. */
  readonly reset?: number | bigint;
  /** What it is. */
  readonly doc: string;
  /** What reading or writing it does beside that, if anything. */
  readonly effect?: string;
  readonly fields?: Readonly<Record<string, RegisterField>>;
  /** Of an array: how many there are. Default: 1, no array. */
  readonly count?: number;
  /** Of an array: bytes from one to the next. Default: the width. */
  readonly stride?: number;
}

/** Rows by name. */
export type RegisterRows = Readonly<Record<string, RegisterRow>>;

/** What a register's value is: a number up to 32 bits, a bigint for 64. */
export type RegisterValue<Row extends RegisterRow> = Row["width"] extends infer Width
  ? Width extends 64
    ? bigint
    : number
  : never;

/** The registers of a BAR, declared once: for the model, for the driver's accessors, and for people. */
export interface RegisterTable<Rows extends RegisterRows> {
  /** For people: `edu`. */
  readonly name: string;
  readonly rows: Rows;
  /** The register that an offset lies in. */
  find(offset: number): FoundRegister | undefined;
}

/** A table of any rows. */
export type AnyRegisterTable = RegisterTable<RegisterRows>;

/** Where an offset lies. */
export interface FoundRegister {
  readonly name: string;
  readonly row: RegisterRow;
  /** Of an array; 0 of others. */
  readonly index: number;
  /** Bytes into the register. */
  readonly byte: number;
}
