import { checkInteger } from "@userpci/interface";
import type { AccessWidth } from "../model.ts";
import { checkAccess, checkTable } from "./check-table.ts";
import type { AnyRegisterTable, FoundRegister, RegisterField } from "./table.ts";

/**
 * An access to registers in words: `STATUS = 0x81 COMPUTING INTERRUPT_WHEN_DONE`, `TAIL[2] = 0x5`, `CAP+4 = 0x20` for a half,
 * `0x9c = 0x0` where no register is. Flags that are set are named; wider fields follow as `SIZE=4` unless they are 0, and with
 * the word of their value where the table has one.
 *
 * @param offset of the access, in bytes from the start of the BAR
 * @param width bytes
 * @param value what was read or written
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
 */
export function decodeAccess(
  table: AnyRegisterTable,
  offset: number,
  width: AccessWidth | 8,
  value: number | bigint,
): string {
  checkTable(table);
  checkAccess(offset, width, [1, 2, 4, 8]);
  if (typeof value !== "bigint") {
    checkInteger("the value of the access", value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  }
  const bits = BigInt.asUintN(8 * width, BigInt(value));
  const parts: string[] = [];
  for (let at = 0; at < width; ) {
    const found = table.find(offset + at);
    const left = width - at;
    const size = found ? Math.min(left, found.row.width / 8 - found.byte) : gap(table, offset + at, left);
    const part = BigInt.asUintN(8 * size, bits >> BigInt(8 * at));
    parts.push(found ? decodePart(found, part) : `0x${(offset + at).toString(16)} = 0x${part.toString(16)}`);
    at += size;
  }
  return parts.join(", ");
}

/** Bytes from an offset on that belong to no register. */
function gap(table: AnyRegisterTable, offset: number, most: number): number {
  let size = 1;
  while (size < most && table.find(offset + size) === undefined) size++;
  return size;
}

function decodePart({ name, row, index, byte }: FoundRegister, part: bigint): string {
  const element = row.count === undefined ? name : `${name}[${index}]`;
  const place = byte === 0 ? element : `${element}+${byte}`;
  const value = part << BigInt(8 * byte);
  const fields = Object.entries(row.fields ?? {}).flatMap(([field, description]) => {
    const text = decodeField(field, description, value);
    return text === undefined ? [] : [text];
  });
  return [`${place} = 0x${part.toString(16)}`, ...fields].join(" ");
}

function decodeField(
  name: string,
  { lo, hi = lo, words }: RegisterField,
  register: bigint,
): string | undefined {
  const value = BigInt.asUintN(hi - lo + 1, register >> BigInt(lo));
  const word = words?.[Number(value)];
  if (value === 0n) return undefined;
  if (word !== undefined) return `${name}=${word}`;
  return lo === hi ? name : `${name}=${value < 10n ? value : `0x${value.toString(16)}`}`;
}
