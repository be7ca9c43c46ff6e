import { checkTable } from "./check-table.ts";
import type { AnyRegisterTable, RegisterField, RegisterRow } from "./table.ts";

const HEAD = ["Offset", "Register", "Bits", "Access", "Reset", "What it is"];

/**
 * The map of a BAR's registers as a table of Markdown, by offset, each register followed by its fields.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no table
 */
export function formatRegisters(table: AnyRegisterTable): string {
  checkTable(table);
  const rows = Object.entries(table.rows)
    .sort(([, a], [, b]) => a.offset - b.offset)
    .flatMap(([name, row]) => [registerLine(name, row), ...fieldLines(row)]);
  const separator = HEAD.map(() => "---");
  return [HEAD, separator, ...rows].map((cells) => `| ${cells.map(escapeCell).join(" | ")} |\n`).join("");
}

function registerLine(name: string, row: RegisterRow): readonly string[] {
  const { offset, width, count, stride = width / 8, access, reset = 0, doc, effect } = row;
  const place = count === undefined ? hex(offset) : `${hex(offset)} + ${hex(stride)} i`;
  const element = count === undefined ? name : `${name}[${count}]`;
  const text = effect === undefined ? doc : `${ended(doc)} ${effect}`;
  return [place, `\`${element}\``, String(width), access, hex(reset), text];
}

function fieldLines(row: RegisterRow): string[][] {
  return Object.entries(row.fields ?? {})
    .sort(([, a], [, b]) => a.lo - b.lo)
    .map(([name, field]) => [
      "",
      `\`.${name}\``,
      field.hi === undefined || field.hi === field.lo ? `${field.lo}` : `${field.hi}:${field.lo}`,
      field.access ?? row.access,
      "",
      fieldText(field),
    ]);
}

function fieldText({ doc, words }: RegisterField): string {
  if (words === undefined) return doc;
  const meanings = Object.entries(words).map(([value, word]) => `${value}: ${word}`);
  return `${ended(doc)} ${meanings.join(", ")}`;
}

const ended = (sentence: string): string => (/[.!?]$/.test(sentence) ? sentence : `${sentence}.`);

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Text for one cell of a table. */
const escapeCell = (text: string): string => text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
