import { describeFields, type FieldReader, fieldReaders } from "./field-reader.ts";
import { readRegister } from "./register.ts";
import type { RegisterSpec, RegisterTable } from "./table.ts";
import { isInside, type ListTable, type Placement, placeOf, type Span, turnsOf } from "./view.ts";

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

/** Registers that a capability has as often as it says: lists by name, of each list the registers of every turn in order. */
export type ListDescriptions = Readonly<Record<string, readonly RegisterDescriptions[]>>;

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
 * @param into gets them, each by its name; fresh if it is left out
 */
export function describeRegisters(
  span: Span,
  table: RegisterTable,
  into: Record<string, RegisterDescription> = {},
): RegisterDescriptions {
  for (const row of rowsOf(table)) {
    const offset = placeOf(span, row);
    if (offset === undefined || !isInside(span, row, offset)) continue;
    const { name, width, fields } = row;
    const raw = readRegister(span.region, width, offset);
    into[name] = fields ? describeFields(offset, width, raw, fields) : { offset, width, raw };
  }
  return into;
}

/**
 * Describes the lists of a table, of each the turns that start before `end`; a list without any is left out.
 *
 * @param end byte of the config space
 */
export function describeLists(span: Span, table: ListTable, end: number): ListDescriptions {
  const lists: Record<string, readonly RegisterDescriptions[]> = {};
  for (const [name, list] of Object.entries(table)) {
    const turns: RegisterDescriptions[] = [];
    for (const turn of turnsOf(span, list, name)) {
      if (turn.offset >= end) break;
      turns.push(describeRegisters(turn, list.registers));
    }
    if (turns.length > 0) lists[name] = turns;
  }
  return lists;
}
