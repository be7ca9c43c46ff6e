import { checkRows } from "./check-rows.ts";
import { ElementIndex, elementsOf, type RegisterElement } from "./elements.ts";
import type { FoundRegister, RegisterField, RegisterRow, RegisterRows, RegisterTable } from "./table.ts";

/**
 * Makes a table of the registers of a BAR: `registerBank` answers from it in a model, `registersOf` gives a driver's accessors,
 * `formatRegisters` prints it. It is frozen, and a copy of the rows.
 *
 * @param name for people: `edu`
 * @param rows by name, in capitals by custom
 * @throws PciError `ERR_INVALID_ARGUMENT` for rows or fields that overlap, widths and names that there are not, a reset value
 * or a field that does not fit; `ERR_MISALIGNED` for a register that is not aligned to its width; `ERR_OUT_OF_RANGE`
 */
export function registerTable<const Rows extends RegisterRows>(
  name: string,
  rows: Rows,
): RegisterTable<Rows> {
  checkRows(name, rows);
  return new Table(name, frozenRows(rows));
}

class Table<Rows extends RegisterRows> implements RegisterTable<Rows> {
  readonly name: string;
  readonly rows: Rows;
  readonly #index = new ElementIndex<RegisterElement>();

  constructor(name: string, rows: Rows) {
    this.name = name;
    this.rows = rows;
    for (const element of elementsOf(rows)) this.#index.add(element);
    Object.freeze(this);
  }

  find(offset: number): FoundRegister | undefined {
    const element = offset >>> 0 === offset ? this.#index.find(offset) : undefined;
    if (element === undefined) return undefined;
    const { name, row, index } = element;
    return { name, row, index, byte: offset - element.offset };
  }
}

function frozenRows<Rows extends RegisterRows>(rows: Rows): Rows {
  return frozenMap(rows, (row: RegisterRow) => ({
    ...row,
    ...(row.fields && { fields: frozenMap(row.fields, frozenField) }),
  })) as Rows;
}

function frozenField(field: RegisterField): RegisterField {
  return { ...field, ...(field.words && { words: Object.freeze({ ...field.words }) }) };
}

function frozenMap<T extends object>(
  map: Readonly<Record<string, T>>,
  copy: (value: T) => T,
): Readonly<Record<string, T>> {
  const entries = Object.entries(map).map(([name, value]) => [name, Object.freeze(copy(value))] as const);
  return Object.freeze(Object.fromEntries(entries));
}
