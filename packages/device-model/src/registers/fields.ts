import { formatValue, PciError } from "@userpci/interface";
import { bitsOf } from "./masks.ts";
import type { RegisterRow } from "./table.ts";

/** A value for a field. */
type Value = number | bigint | boolean;

interface NumberField {
  readonly lo: number;
  /** The greatest value that fits. */
  readonly max: number;
  /** Its bits in the register, unsigned. */
  readonly mask: number;
}

interface BigintField {
  readonly lo: bigint;
  readonly max: bigint;
  readonly mask: bigint;
}

/** The fields of a register, by name, with what `update` keeps of the others. */
abstract class Fields<Field extends NumberField | BigintField> {
  /** For messages: `edu.STATUS`. */
  readonly name: string;
  readonly byName: ReadonlyMap<string, Field>;

  constructor(name: string, byName: ReadonlyMap<string, Field>) {
    this.name = name;
    this.byName = byName;
  }

  /** @throws PciError `ERR_INVALID_ARGUMENT` */
  field(name: string): Field {
    const field = this.byName.get(name);
    if (field !== undefined) return field;
    const names = [...this.byName.keys()].join(", ");
    throw new PciError("ERR_INVALID_ARGUMENT", `${this.name} has no field ${name}`, {
      hint: names === "" ? "it has none: use read() and write()" : `its fields are ${names}`,
    });
  }

  protected refuse(name: string, value: unknown, max: number | bigint): never {
    throw new PciError(
      "ERR_OUT_OF_RANGE",
      `the value of ${this.name}.${name} is ${formatValue(value)}, outside 0 to ${max}`,
      { hint: `pass an integer${typeof max === "bigint" ? " as a bigint" : ""} that fits the field` },
    );
  }
}

/** Fields of a register of up to 32 bits. */
export class NumberFields extends Fields<NumberField> {
  /** Bits that mean the same written as read. */
  readonly keep: number;

  constructor(name: string, row: RegisterRow) {
    super(
      name,
      mapFields(row, (lo, max) => ({ lo, max: Number(max), mask: Number(max << BigInt(lo)) })),
    );
    this.keep = Number(keptBits(row));
  }

  get(register: number, name: string): number {
    const { lo, max } = this.field(name);
    return (register >>> lo) & max;
  }

  /** @throws PciError `ERR_OUT_OF_RANGE` */
  insert(register: number, values: Readonly<Record<string, Value | undefined>>): number {
    let result = register;
    for (const name in values) {
      const given = values[name];
      if (given === undefined) continue;
      const { lo, max, mask } = this.field(name);
      const value = Number(given);
      if (typeof given === "bigint" || !Number.isInteger(value) || value < 0 || value > max) {
        this.refuse(name, given, max);
      }
      result = (result & ~mask) | (value << lo);
    }
    return result >>> 0;
  }
}

/** Fields of a register of 64 bits. */
export class BigintFields extends Fields<BigintField> {
  readonly keep: bigint;

  constructor(name: string, row: RegisterRow) {
    super(
      name,
      mapFields(row, (lo, max) => ({ lo: BigInt(lo), max, mask: max << BigInt(lo) })),
    );
    this.keep = keptBits(row);
  }

  get(register: bigint, name: string): bigint {
    const { lo, max } = this.field(name);
    return (register >> lo) & max;
  }

  /** @throws PciError `ERR_OUT_OF_RANGE` */
  insert(register: bigint, values: Readonly<Record<string, Value | undefined>>): bigint {
    let result = register;
    for (const name in values) {
      const given = values[name];
      if (given === undefined) continue;
      const { lo, max, mask } = this.field(name);
      const value = typeof given === "boolean" ? BigInt(given) : given;
      if (typeof value !== "bigint" || value < 0n || value > max) return this.refuse(name, given, max);
      result = (result & ~mask) | (value << lo);
    }
    return result;
  }
}

/** The fields of a row. @param name of the register, for messages */
export const fieldsOf = (name: string, row: RegisterRow): NumberFields | BigintFields =>
  row.width === 64 ? new BigintFields(name, row) : new NumberFields(name, row);

/** A field of a register's value, whatever its width. */
export const fieldOf = (
  fields: NumberFields | BigintFields,
  register: number | bigint,
  name: string,
): number | bigint =>
  fields instanceof BigintFields ? fields.get(BigInt(register), name) : fields.get(Number(register), name);

/** A register's value with fields changed, whatever its width. @throws PciError `ERR_OUT_OF_RANGE` */
export const insertFields = (
  fields: NumberFields | BigintFields,
  register: number | bigint,
  values: Readonly<Record<string, Value | undefined>>,
): number | bigint =>
  fields instanceof BigintFields
    ? fields.insert(BigInt(register), values)
    : fields.insert(Number(register), values);

function mapFields<Field>(
  row: RegisterRow,
  make: (lo: number, max: bigint) => Field,
): ReadonlyMap<string, Field> {
  return new Map(
    Object.entries(row.fields ?? {}).map(([name, { lo, hi = lo }]) => [
      name,
      make(lo, (1n << BigInt(hi - lo + 1)) - 1n),
    ]),
  );
}

const keptBits = (row: RegisterRow): bigint => bitsOf(row, ["ro", "rw", "rc"]);
