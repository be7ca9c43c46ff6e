import { PciError } from "@userpci/interface";
import type { AnyRegisterTable } from "./table.ts";

/** Bytes before the words: what table they are of. */
const HEADER = 4;

/** Words as bytes, little-endian, behind what tells their table from others. */
export function saveWords(table: AnyRegisterTable, words: Uint32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER + 4 * words.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, shapeOf(table), true);
  for (const [i, word] of words.entries()) view.setUint32(HEADER + 4 * i, word, true);
  return bytes;
}

/**
 * The words of {@link saveWords}.
 *
 * @param count how many there must be
 * @throws PciError `ERR_PROTOCOL`
 */
export function loadWords(table: AnyRegisterTable, bytes: Uint8Array, count: number): Uint32Array {
  const size = HEADER + 4 * count;
  if (bytes.length !== size) {
    throw noState(table, `has ${bytes.length} bytes, not ${size}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== shapeOf(table)) throw noState(table, "is of another table");
  return Uint32Array.from({ length: count }, (_, i) => view.getUint32(HEADER + 4 * i, true));
}

function noState(table: AnyRegisterTable, why: string): PciError {
  return new PciError("ERR_PROTOCOL", `the state of ${table.name} ${why}`, {
    hint: "load what save() of the same version of the model made",
  });
}

/** A number that changes when a register is moved, renamed or resized: FNV-1a, 32 bits, of what says where they are. */
function shapeOf(table: AnyRegisterTable): number {
  let hash = 0x811c9dc5;
  for (const [name, { offset, width, count, stride }] of Object.entries(table.rows)) {
    for (const char of `${name} ${offset} ${width} ${count} ${stride};`) {
      hash = Math.imul(hash ^ char.codePointAt(0)!, 0x0100_0193);
    }
  }
  return hash >>> 0;
}
