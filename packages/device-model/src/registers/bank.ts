import { checkNames, checkType, PciError } from "@userpci/interface";
import type { AccessWidth } from "../model.ts";
import type { FieldName, FieldValues } from "./accessor-types.ts";
import type { BankOptions, RegisterBank, RegisterHandlers } from "./bank-types.ts";
import { type AnyHandler, type Cell, Cells, checkValue, toBigint, wordOf } from "./cells.ts";
import { checkAccess, checkTable } from "./check-table.ts";
import { fieldOf, insertFields } from "./fields.ts";
import { loadWords, saveWords } from "./saved-words.ts";
import type { RegisterRows, RegisterTable, RegisterValue } from "./table.ts";

/** Bytes that one access may have; one of 64 bits has methods of its own. */
const accessWidths: readonly number[] = [1, 2, 4] satisfies AccessWidth[];

/**
 * Makes the registers of a BAR for a model: what a driver reads and writes by the table alone, and what the handlers add.
 *
 * @param handlers by the name of the register
 * @throws PciError `ERR_INVALID_ARGUMENT` for no table, for a handler of no register, and for a method or option that there is not
 */
export function registerBank<const Rows extends RegisterRows>(
  table: RegisterTable<Rows>,
  handlers: RegisterHandlers<Rows> = {},
  options: BankOptions = {},
): RegisterBank<Rows> {
  checkTable(table);
  checkType(`the handlers of ${table.name}`, handlers, "object");
  for (const [name, handler] of Object.entries(handlers)) {
    if (handler !== undefined) checkHandler(`the handler of ${table.name}.${name}`, handler);
  }
  checkType(`the options of the bank of ${table.name}`, options, "object");
  const { unclaimed, narrow } = options;
  checkNames(`the bank of ${table.name}`, options, { unclaimed, narrow });
  return new Bank(table, handlers, options);
}

function checkHandler(what: string, handler: AnyHandler): void {
  checkType(
    what,
    handler,
    "object",
    "pass { read(value) { … }, write(value, former) { … } }, or one of them",
  );
  const { read, write } = handler;
  checkNames(what, handler, { read, write }, "method");
}

class Bank<Rows extends RegisterRows> implements RegisterBank<Rows> {
  readonly table: RegisterTable<Rows>;
  readonly #cells: Cells;
  readonly #unclaimed: number;
  readonly #narrow: "merge" | number;

  constructor(table: RegisterTable<Rows>, handlers: RegisterHandlers<Rows>, options: BankOptions) {
    this.table = table;
    this.#cells = new Cells(table.name, table.rows, handlers as Record<string, AnyHandler | undefined>);
    // A name that is misspelt would never be called.
    for (const name of Object.keys(handlers)) this.#cells.named(name, 0);
    this.#unclaimed = options.unclaimed ?? 0;
    this.#narrow = options.narrow ?? "merge";
  }

  read(offset: number, width: AccessWidth): number {
    const cell = this.#cells.find(offset);
    if (cell === undefined || cell.bytes < width) return this.#readParts(offset, width);
    if (cell.bytes === width) return this.#readWord(cell, 0, lowBits(width));
    const byte = offset - cell.offset;
    if (width !== 4 && this.#narrow !== "merge") return lowBits(width, this.#narrow);
    const shift = 8 * (byte & 3);
    return lowBits(width, this.#readWord(cell, byte >> 2, lowBits(width) << shift) >>> shift);
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const cell = this.#cells.find(offset);
    if (cell === undefined || cell.bytes < width) {
      this.#writeParts(offset, width, value);
      return;
    }
    const byte = offset - cell.offset;
    if (cell.bytes > width && width !== 4 && this.#narrow !== "merge") return;
    if (!cell.writable) return;
    const shift = 8 * (byte & 3);
    this.#writeCell(cell, byte >> 2, value << shift, lowBits(width) << shift);
  }

  read64(offset: number): bigint {
    const cell = this.#cells.find(offset);
    if (cell?.bytes === 8 && cell.offset === offset) return this.#readCell64(cell);
    const low = this.read(offset, 4);
    return toBigint(low, this.read(offset + 4, 4));
  }

  write64(offset: number, value: bigint): void {
    const cell = this.#cells.find(offset);
    if (cell?.bytes === 8 && cell.offset === offset) {
      this.#writeCell64(cell, value);
      return;
    }
    this.write(offset, 4, wordOf(value, 0));
    this.write(offset + 4, 4, wordOf(value, 1));
  }

  get<Name extends keyof Rows & string>(name: Name, index = 0): RegisterValue<Rows[Name]> {
    return this.#cells.value(this.#cells.named(name, index)) as RegisterValue<Rows[Name]>;
  }

  set<Name extends keyof Rows & string>(name: Name, value: RegisterValue<Rows[Name]>, index = 0): void {
    const cell = this.#cells.named(name, index);
    checkValue(cell, value);
    this.#cells.put(cell, value);
  }

  field<Name extends keyof Rows & string>(
    name: Name,
    field: FieldName<Rows[Name]>,
    index = 0,
  ): RegisterValue<Rows[Name]> {
    const cell = this.#cells.named(name, index);
    return fieldOf(cell.fields, this.#cells.value(cell), field) as RegisterValue<Rows[Name]>;
  }

  update<Name extends keyof Rows & string>(name: Name, fields: FieldValues<Rows[Name]>, index = 0): void {
    const cell = this.#cells.named(name, index);
    this.#cells.put(cell, insertFields(cell.fields, this.#cells.value(cell), fields));
  }

  reset(): void {
    this.#cells.reset();
  }

  save(): Uint8Array<ArrayBuffer> {
    return saveWords(this.table, this.#cells.words);
  }

  load(state: Uint8Array): void {
    const words = loadWords(this.table, state, this.#cells.words.length);
    if (!this.#cells.fits(words)) {
      throw new PciError("ERR_PROTOCOL", `the state of ${this.table.name} has bits that no register has`, {
        hint: "load what save() made, unchanged",
      });
    }
    this.#cells.words.set(words);
  }

  /** Reads bits of one word of a cell, which those that reading clears lose. */
  #readWord(cell: Cell, word: number, bits: number): number {
    if (!cell.readable && cell.handler?.read === undefined) return this.#unclaimed >>> 0;
    const { words } = this.#cells;
    const { readable, clearedByRead } = cell.masks[word]!;
    let value = words[cell.word + word]! & readable;
    if (cell.handler?.read !== undefined) {
      const shown = this.#shown(cell);
      value = wordOf(cell.handler.read(shown, cell.index), word);
    }
    words[cell.word + word]! &= ~(clearedByRead & bits);
    return (value & bits) >>> 0;
  }

  #readCell64(cell: Cell): bigint {
    if (!cell.readable && cell.handler?.read === undefined) {
      return toBigint(this.#unclaimed >>> 0, this.#unclaimed >>> 0);
    }
    const shown = this.#shown(cell);
    const value = cell.handler?.read?.(shown, cell.index) ?? shown;
    for (const [i, { clearedByRead }] of cell.masks.entries()) {
      this.#cells.words[cell.word + i]! &= ~clearedByRead;
    }
    return BigInt.asUintN(64, BigInt(value));
  }

  /** What the table answers when a cell is read. */
  #shown(cell: Cell): number | bigint {
    const { words } = this.#cells;
    const low = (words[cell.word]! & cell.masks[0]!.readable) >>> 0;
    if (cell.bytes < 8) return low;
    return toBigint(low, (words[cell.word + 1]! & cell.masks[1]!.readable) >>> 0);
  }

  /** Writes the bits of one word. */
  #writeCell(cell: Cell, word: number, value: number, bits: number): void {
    const former = cell.handler?.write && this.#cells.value(cell);
    this.#store(cell, word, value, bits);
    if (former !== undefined) cell.handler?.write?.(this.#cells.value(cell), former, cell.index);
  }

  #writeCell64(cell: Cell, value: bigint): void {
    if (!cell.writable) return;
    const former = this.#cells.value(cell);
    this.#store(cell, 0, wordOf(value, 0), -1);
    this.#store(cell, 1, wordOf(value, 1), -1);
    cell.handler?.write?.(this.#cells.value(cell), former, cell.index);
  }

  #store(cell: Cell, word: number, value: number, bits: number): void {
    const { words } = this.#cells;
    const { stored, clearedByOne, setByOne } = cell.masks[word]!;
    const taken = stored & bits;
    const kept = words[cell.word + word]! & ~taken & ~(value & clearedByOne & bits);
    words[cell.word + word] = kept | (value & taken) | (value & setByOne & bits);
  }

  /** An access that no one register answers: of its halves, while registers may be that narrow. */
  #readParts(offset: number, width: AccessWidth): number {
    checkAccess(offset, width, accessWidths);
    if (width <= this.#cells.narrowest) return lowBits(width, this.#unclaimed);
    const half = (width / 2) as AccessWidth;
    const low = this.read(offset, half);
    return (low | (this.read(offset + half, half) << (8 * half))) >>> 0;
  }

  #writeParts(offset: number, width: AccessWidth, value: number): void {
    checkAccess(offset, width, accessWidths);
    if (width <= this.#cells.narrowest) return;
    const half = (width / 2) as AccessWidth;
    this.write(offset, half, lowBits(half, value));
    this.write(offset + half, half, value >>> (8 * half));
  }
}

/** The low bits of a value, as many as an access has. */
function lowBits(width: AccessWidth, value = -1): number {
  return (width === 4 ? value : value & (width === 2 ? 0xffff : 0xff)) >>> 0;
}
