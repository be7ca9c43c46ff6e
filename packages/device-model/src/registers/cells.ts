import { checkInteger, checkType, PciError } from "@userpci/interface";
import type { RegisterHandler } from "./bank-types.ts";
import { countOf, ElementIndex, elementsOf, type RegisterElement } from "./elements.ts";
import { type BigintFields, fieldsOf, type NumberFields } from "./fields.ts";
import { masksOf, type WordMasks } from "./masks.ts";
import type { RegisterRow, RegisterRows } from "./table.ts";

/** A handler of any width: the table of the bank says which values it takes. */
export type AnyHandler = RegisterHandler<number | bigint>;

/** An element of a table that holds a value. */
export interface Cell extends RegisterElement {
  readonly masks: readonly WordMasks[];
  readonly handler: AnyHandler | undefined;
  readonly fields: NumberFields | BigintFields;
  /** Number of its low word. */
  readonly word: number;
  /** Whether something of it can be written. */
  readonly writable: boolean;
  /** Whether something of it can be read. */
  readonly readable: boolean;
}

/** The values of a table's registers, in words of 32 bits. */
export class Cells {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly #index = new ElementIndex<Cell>();
  readonly #byName = new Map<string, readonly Cell[]>();
  readonly #table: string;
  readonly #resets: Uint32Array;
  /** Width of the narrowest register, in bytes. */
  readonly narrowest: number;

  constructor(table: string, rows: RegisterRows, handlers: Readonly<Record<string, AnyHandler | undefined>>) {
    this.#table = table;
    const wordsOf = (row: RegisterRow): number => (row.width === 64 ? 2 : 1) * countOf(row);
    const all = Object.values(rows);
    this.words = new Uint32Array(all.reduce((sum, row) => sum + wordsOf(row), 0));
    this.narrowest = Math.min(...all.map(({ width }) => width / 8));
    let word = 0;
    let cells: Cell[] = [];
    for (const element of elementsOf(rows)) {
      if (element.index === 0) {
        cells = [];
        this.#byName.set(element.name, cells);
      }
      const shared = cells[0] ?? sharedOf(table, element, handlers[element.name]);
      const cell = { ...shared, ...element, word };
      cells.push(cell);
      this.#index.add(cell);
      this.put(cell, element.row.reset ?? 0);
      word += cell.masks.length;
    }
    this.#resets = this.words.slice();
  }

  /** The register that an offset lies in. */
  find(offset: number): Cell | undefined {
    return this.#index.find(offset);
  }

  /** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
  named(name: string, index: number): Cell {
    const cells = this.#byName.get(name);
    if (cells === undefined) {
      throw new PciError("ERR_INVALID_ARGUMENT", `${this.#table} has no register ${name}`, {
        hint: `its registers are ${[...this.#byName.keys()].join(", ")}`,
      });
    }
    const cell = cells[index];
    if (cell !== undefined) return cell;
    checkInteger(`the index of ${name}`, index, 0, cells.length - 1);
    throw new PciError("ERR_INTERNAL", `${name} has no cell ${index}`);
  }

  /** What a cell holds. */
  value(cell: Cell): number | bigint {
    const low = this.words[cell.word]!;
    return cell.bytes === 8 ? toBigint(low, this.words[cell.word + 1]!) : low;
  }

  /** Makes a cell hold the low bits of a value. @throws PciError `ERR_INVALID_ARGUMENT` */
  put(cell: Cell, value: number | bigint): void {
    for (const [i, { all }] of cell.masks.entries()) {
      this.words[cell.word + i] = wordOf(value, i) & all;
    }
  }

  reset(): void {
    this.words.set(this.#resets);
  }

  /** Whether words have bits only where registers do. */
  fits(words: Uint32Array): boolean {
    for (const cells of this.#byName.values()) {
      for (const { masks, word } of cells) {
        if (masks.some(({ all }, i) => (words[word + i]! & ~all) !== 0)) return false;
      }
    }
    return true;
  }
}

/** What all elements of an array have in common. */
function sharedOf(
  table: string,
  { name, row }: RegisterElement,
  handler: AnyHandler | undefined,
): Pick<Cell, "masks" | "handler" | "fields" | "writable" | "readable"> {
  const masks = masksOf(row);
  return {
    masks,
    handler,
    fields: fieldsOf(`${table}.${name}`, row),
    writable: masks.some((word) => (word.stored | word.clearedByOne | word.setByOne) !== 0),
    readable: masks.some((word) => word.readable !== 0),
  };
}

/** 64 bits of two halves. */
export const toBigint = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low);

/** 32 bits of a value: word 0 the low ones. */
export const wordOf = (value: number | bigint, word: number): number =>
  typeof value === "bigint"
    ? Number(BigInt.asUintN(32, word === 0 ? value : value >> 32n))
    : word === 0
      ? value >>> 0
      : Math.floor(value / 2 ** 32) >>> 0;

/** @throws PciError `ERR_INVALID_ARGUMENT` for a value that is not of the register's type */
export function checkValue(cell: Cell, value: number | bigint): void {
  if (cell.bytes === 8) checkType(`a value of ${cell.name}`, value, "bigint");
  else if (typeof value !== "number") {
    checkInteger(`a value of ${cell.name}`, value as unknown as number, 0, 2 ** cell.row.width - 1);
  }
}
