import { checkInteger, checkMethods, type Region } from "@userpci/interface";
import type { FieldValues, RegisterArray, RegisterOf, Registers } from "./accessor-types.ts";
import { checkTable } from "./check-table.ts";
import { countOf, offsetOf } from "./elements.ts";
import { BigintFields, fieldsOf, type NumberFields } from "./fields.ts";
import type { RegisterRow, RegisterRows, RegisterTable } from "./table.ts";

type Values = FieldValues<RegisterRow>;
type AnyRegister = NumberRegister | Register64;
type AnyFields = NumberFields | BigintFields;

const REGION_HINT = "pass device.bar(0).map(), or of I/O ports, which nothing maps, device.bar(0).region()";

/**
 * The registers of a table for a driver, typed by it: `registersOf(table, device.bar(0).map()).STATUS.get("BUSY")`. Each access
 * is one of the region's, of the register's width, and makes no object but a bigint.
 *
 * @param region in which the table begins at offset 0; it stays the caller's to close
 * @throws PciError `ERR_OUT_OF_RANGE` for a table that reaches beyond the region, `ERR_INVALID_ARGUMENT` for what is no table or no region
 */
export function registersOf<const Rows extends RegisterRows>(
  table: RegisterTable<Rows>,
  region: Region,
): Registers<Rows> {
  checkTable(table);
  checkMethods("region", region, ["read32", "write32"], REGION_HINT);
  const entries = Object.entries<RegisterRow>(table.rows).map(([name, row]) => {
    const what = `${table.name}.${name}`;
    const end = offsetOf(row, countOf(row) - 1) + row.width / 8;
    checkInteger(`the end of ${what} in the region`, end, 0, region.size);
    const fields = fieldsOf(what, row);
    const make = (index: number): AnyRegister => register(row, region, offsetOf(row, index), fields);
    return [name, row.count === undefined ? make(0) : new Elements(what, row.count, make)] as const;
  });
  // What the entries are follows from the rows, by a mapped type that no loop can prove.
  return Object.freeze(Object.fromEntries(entries)) as unknown as Registers<Rows>;
}

function register(row: RegisterRow, region: Region, offset: number, fields: AnyFields): AnyRegister {
  if (fields instanceof BigintFields) return new Register64(region, offset, fields);
  if (row.width === 8) return new Register8(region, offset, fields);
  return row.width === 16 ? new Register16(region, offset, fields) : new Register32(region, offset, fields);
}

/** Makes each register once, when it is first asked for. */
class Elements implements RegisterArray<AnyRegister> {
  readonly length: number;
  readonly #name: string;
  readonly #make: (index: number) => AnyRegister;
  readonly #made: (AnyRegister | undefined)[] = [];

  constructor(name: string, length: number, make: (index: number) => AnyRegister) {
    this.#name = name;
    this.length = length;
    this.#make = make;
  }

  at(index: number): AnyRegister {
    return this.#made[index] ?? this.#first(index);
  }

  #first(index: number): AnyRegister {
    checkInteger(`the index of ${this.#name}`, index, 0, this.length - 1);
    // From the first on, so that the array has no holes, which are slow to read.
    for (let i = this.#made.length; i <= index; i++) this.#made.push(this.#make(i));
    return this.#made[index]!;
  }
}

/** Up to 32 bits. */
abstract class NumberRegister implements RegisterOf<RegisterRow & { readonly width: 32 }> {
  readonly region: Region;
  readonly offset: number;
  readonly fields: NumberFields;

  constructor(region: Region, offset: number, fields: NumberFields) {
    this.region = region;
    this.offset = offset;
    this.fields = fields;
  }

  abstract read(): number;
  abstract write(value: number): void;

  get(field: string): number {
    return this.fields.get(this.read(), field);
  }

  set(values: Values): void {
    this.write(this.fields.insert(0, values));
  }

  update(values: Values): void {
    this.write(this.fields.insert(this.read() & this.fields.keep, values));
  }
}

class Register8 extends NumberRegister {
  read(): number {
    return this.region.read8(this.offset);
  }

  write(value: number): void {
    this.region.write8(this.offset, value);
  }
}

class Register16 extends NumberRegister {
  read(): number {
    return this.region.read16(this.offset);
  }

  write(value: number): void {
    this.region.write16(this.offset, value);
  }
}

class Register32 extends NumberRegister {
  read(): number {
    return this.region.read32(this.offset);
  }

  write(value: number): void {
    this.region.write32(this.offset, value);
  }
}

class Register64 implements RegisterOf<RegisterRow & { readonly width: 64 }> {
  readonly region: Region;
  readonly offset: number;
  readonly fields: BigintFields;

  constructor(region: Region, offset: number, fields: BigintFields) {
    this.region = region;
    this.offset = offset;
    this.fields = fields;
  }

  read(): bigint {
    return this.region.read64(this.offset);
  }

  write(value: bigint): void {
    this.region.write64(this.offset, value);
  }

  get(field: string): bigint {
    return this.fields.get(this.read(), field);
  }

  set(values: Values): void {
    this.write(this.fields.insert(0n, values));
  }

  update(values: Values): void {
    this.write(this.fields.insert(this.read() & this.fields.keep, values));
  }
}
