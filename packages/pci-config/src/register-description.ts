import { type FieldReader, fieldReaders, readField } from "./field-reader.ts";
import { readRegister } from "./register.ts";
import type { RegisterSpec, RegisterTable } from "./table.ts";
import { isInside, type Placement, placeOf, type Span } from "./view.ts";

/** A register, raw and decoded. */
export interface RegisterDescription {
  /** Byte of the config space. */
  readonly offset: number;
  /** Bits. */
  readonly width: number;
  readonly raw: number;
  /** Its fields, if it is made of fields. */
  readonly fields?: Readonly<Record<string, boolean | number>>;
  /** Words for those values of fields that the specification has words for. */
  readonly words?: Readonly<Record<string, string>>;
}

/** Registers by name. */
export type RegisterDescriptions = Readonly<Record<string, RegisterDescription>>;

/** A row of a register table, with its fields worked out. */
interface Row extends Placement {
  readonly name: string;
  /** None for a register that is one number. */
  readonly fields: readonly FieldReader[] | undefined;
}

const rows = new WeakMap<RegisterTable, readonly Row[]>();

function rowOf(name: string, spec: RegisterSpec): Row {
  const { offset, width, when, moved } = spec;
  return {
    name,
    offset,
    width,
    when,
    moved,
    fields: spec.kind === "fields" ? fieldReaders(spec) : undefined,
  };
}

/** The rows of a table but those whose reading has effects, worked out when it is first described. */
function rowsOf(table: RegisterTable): readonly Row[] {
  let made = rows.get(table);
  if (!made) {
    made = Object.entries(table)
      .filter(([, { reads }]) => reads === undefined)
      .map(([name, spec]) => rowOf(name, spec));
    rows.set(table, made);
  }
  return made;
}

/**
 * Describes the registers of a table that are there and not cut off, without those whose reading has effects.
 *
 * @param into gets them, each by its name with `prefix` before it
 */
export function describeRegisters(
  into: Record<string, RegisterDescription>,
  span: Span,
  table: RegisterTable,
  prefix = "",
): void {
  for (const row of rowsOf(table)) {
    const offset = placeOf(span, row);
    if (offset === undefined || !isInside(span, row, offset)) continue;
    const { name, width, fields } = row;
    const raw = readRegister(span.region, width, offset);
    into[prefix + name] = fields ? describeFields(offset, width, raw, fields) : { offset, width, raw };
  }
}

function describeFields(
  offset: number,
  width: number,
  raw: number,
  readers: readonly FieldReader[],
): RegisterDescription {
  const fields: Record<string, boolean | number> = {};
  let words: Record<string, string> | undefined;
  for (const reader of readers) {
    const value = readField(reader, raw);
    fields[reader.name] = value;
    const word = reader.words?.[Number(value)];
    if (word !== undefined) {
      words ??= {};
      words[reader.name] = word;
    }
  }
  return words ? { offset, width, raw, fields, words } : { offset, width, raw, fields };
}
