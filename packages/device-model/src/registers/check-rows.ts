import { checkAligned, checkInteger, checkType, formatValue, PciError } from "@userpci/interface";
import { countOf, elementsOf } from "./elements.ts";
import type { RegisterAccess, RegisterField, RegisterRow, RegisterRows } from "./table.ts";

/** Registers lie where 32 bits reach. */
const SPAN = 2 ** 32;

/** Elements that a table may have, which bounds what it costs: as many as fill 256 KiB with registers of 32 bits. */
const MOST_ELEMENTS = 65_536;

const widths: readonly number[] = [8, 16, 32, 64] satisfies RegisterRow["width"][];

const accesses: readonly string[] = [
  "ro",
  "rw",
  "wo",
  "rw1c",
  "rw1s",
  "rc",
] satisfies readonly RegisterAccess[];

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/**
 * Lets rows through that can be a table.
 *
 * @throws PciError, see `registerTable`
 */
export function checkRows(table: string, rows: RegisterRows): void {
  checkType("the name of a register table", table, "string");
  checkType(`the rows of ${table}`, rows, "object");
  let elements = 0;
  for (const [name, row] of Object.entries(rows)) {
    checkName("register", name);
    const what = `${table}.${name}`;
    checkRow(what, row);
    elements += countOf(row);
    checkInteger(`the count of registers up to ${what}`, elements, 1, MOST_ELEMENTS);
    for (const [fieldName, field] of Object.entries(row.fields ?? {})) {
      checkName("field", fieldName);
      checkField(`${what}.${fieldName}`, field, row.width);
    }
    checkFieldOverlap(what, row);
  }
  checkOverlap(table, rows);
}

function checkRow(what: string, row: RegisterRow): void {
  checkType(what, row, "object");
  const { offset, width, access, reset = 0, stride, count } = row;
  if (!widths.includes(width)) throw noneOf(`the width of ${what}`, width, widths);
  checkAccess(what, access);
  const bytes = width / 8;
  checkAligned(
    `the offset of ${what}`,
    checkInteger(`the offset of ${what}`, offset, 0, SPAN - bytes),
    bytes,
  );
  if (count !== undefined) checkInteger(`the count of ${what}`, count, 1, MOST_ELEMENTS);
  if (stride !== undefined) {
    checkAligned(`the stride of ${what}`, checkInteger(`the stride of ${what}`, stride, bytes, SPAN), bytes);
  }
  const last = offset + (countOf(row) - 1) * (stride ?? bytes);
  checkInteger(`the offset of the last ${what}`, last, offset, SPAN - bytes);
  checkFits(`the reset value of ${what}`, reset, width);
}

function checkField(what: string, field: RegisterField, width: number): void {
  checkType(what, field, "object");
  const lo = checkInteger(`the lowest bit of ${what}`, field.lo, 0, width - 1);
  const hi = checkInteger(`the highest bit of ${what}`, field.hi ?? lo, lo, width - 1);
  if (field.access !== undefined) checkAccess(what, field.access);
  for (const value of Object.keys(field.words ?? {})) {
    checkFits(`a value with a word of ${what}`, Number(value), hi - lo + 1);
  }
}

function checkFits(what: string, value: number | bigint, bits: number): void {
  if (typeof value === "number") checkInteger(what, value, 0, Number.MAX_SAFE_INTEGER);
  else checkType(what, value, "bigint");
  if (value >= 0 && BigInt(value) >> BigInt(bits) === 0n) return;
  throw new PciError(
    "ERR_OUT_OF_RANGE",
    `${what} is 0x${value.toString(16)}, which ${bits} bits do not hold`,
    {
      hint: `0x${((1n << BigInt(bits)) - 1n).toString(16)} is the greatest that fits`,
    },
  );
}

function checkAccess(what: string, access: RegisterAccess): void {
  if (!accesses.includes(access)) throw noneOf(`the access of ${what}`, access, accesses);
}

function checkName(what: string, name: string): void {
  if (NAME.test(name)) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `${formatValue(name)} is no name of a ${what}`, {
    hint: "names are letters, digits and _, and begin with a letter: they become properties",
  });
}

function noneOf(what: string, value: unknown, choices: readonly unknown[]): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `${what} is ${formatValue(value)}, which there is not`, {
    hint: `use one of ${choices.join(", ")}`,
  });
}

function checkFieldOverlap(what: string, row: RegisterRow): void {
  const fields = Object.entries(row.fields ?? {}).sort(([, a], [, b]) => a.lo - b.lo);
  for (const [i, [name, field]] of fields.entries()) {
    const below = fields[i - 1];
    if (below === undefined || (below[1].hi ?? below[1].lo) < field.lo) continue;
    throw new PciError("ERR_INVALID_ARGUMENT", `${below[0]} and ${name} of ${what} share bit ${field.lo}`, {
      hint: "a bit belongs to one field",
    });
  }
}

function checkOverlap(table: string, rows: RegisterRows): void {
  const elements = [...elementsOf(rows)].sort((a, b) => a.offset - b.offset);
  for (const [i, { name, offset }] of elements.entries()) {
    const below = elements[i - 1];
    if (below === undefined || below.offset + below.bytes <= offset) continue;
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `${below.name} and ${name} of ${table} overlap at 0x${offset.toString(16)}`,
      { hint: "give each register bytes of its own; where reading and writing differ, say so in `effect`" },
    );
  }
}
