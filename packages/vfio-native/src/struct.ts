/**
 * Structures of the kernel's uAPI as tables: one row a field. Offsets follow C's rules for natural alignment on 64-bit
 * machines, and `tests/native/abi.test.ts` compares each with what the C compiler says of the kernel's headers.
 */

import { PciError } from "@userpci/interface";

/** C type of a field. `u64` is a bigint in TypeScript, the others are numbers. */
export type FieldType = "u8" | "u16" | "u32" | "s32" | "u64";

/** A structure's fields, in C's order. */
export type Fields = Readonly<Record<string, FieldType>>;

/** `sizeof` of each type. */
const widths: Readonly<Record<FieldType, number>> = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8 };

/** The values of a structure's fields, by name. */
export type Values<F extends Fields> = { [K in keyof F]: F[K] extends "u64" ? bigint : number };

/** A C structure, without a flexible array at its end. */
export interface Struct<F extends Fields> {
  /** The C name, without `struct`. */
  readonly name: string;
  /** `sizeof`, in bytes. */
  readonly size: number;
  /** `offsetof` of each field, in bytes. */
  readonly offsets: { readonly [K in keyof F]: number };
  /**
   * Makes the structure's bytes, zero where no value is given, with room behind it.
   *
   * @param trailing extra bytes for a flexible array; default 0
   */
  pack(values: Partial<Values<F>>, trailing?: number): Uint8Array<ArrayBuffer>;
  /** Writes the given fields into `bytes` at `at`, leaving the others. */
  write(bytes: Uint8Array, values: Partial<Values<F>>, at?: number): void;
  /**
   * Reads all fields from `bytes` at `at`.
   *
   * @throws PciError `ERR_CAPABILITY` if the structure does not fit there
   */
  read(bytes: Uint8Array, at?: number): Values<F>;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function layOut(fields: Fields): { offsets: Record<string, number>; size: number } {
  const offsets: Record<string, number> = {};
  let end = 0;
  let strictest = 1;
  for (const [name, type] of Object.entries(fields)) {
    const width = widths[type];
    end = Math.ceil(end / width) * width;
    offsets[name] = end;
    end += width;
    strictest = Math.max(strictest, width);
  }
  return { offsets, size: Math.ceil(end / strictest) * strictest };
}

function writeField(view: DataView, type: FieldType, at: number, value: number | bigint): void {
  if (type === "u64") view.setBigUint64(at, BigInt(value), true);
  else if (type === "u32") view.setUint32(at, Number(value), true);
  else if (type === "s32") view.setInt32(at, Number(value), true);
  else if (type === "u16") view.setUint16(at, Number(value), true);
  else view.setUint8(at, Number(value));
}

function readField(view: DataView, type: FieldType, at: number): number | bigint {
  if (type === "u64") return view.getBigUint64(at, true);
  if (type === "u32") return view.getUint32(at, true);
  if (type === "s32") return view.getInt32(at, true);
  if (type === "u16") return view.getUint16(at, true);
  return view.getUint8(at);
}

/**
 * Declares a structure.
 *
 * @param name the C name
 * @param fields name and type of each
 */
export function defineStruct<const F extends Fields>(name: string, fields: F): Struct<F> {
  const { offsets, size } = layOut(fields);
  const rows = Object.entries(fields).map(([field, type]) => ({ field, type, offset: offsets[field]! }));

  const write = (bytes: Uint8Array, values: Partial<Values<F>>, at = 0): void => {
    const view = viewOf(bytes);
    for (const { field, type, offset } of rows) {
      const value = values[field];
      if (value !== undefined) writeField(view, type, at + offset, value);
    }
  };
  return {
    name,
    size,
    offsets: offsets as { [K in keyof F]: number },
    write,
    pack(values, trailing = 0) {
      const bytes = new Uint8Array(size + trailing);
      write(bytes, values);
      return bytes;
    },
    read(bytes, at = 0) {
      if (at + size > bytes.length) {
        throw new PciError(
          "ERR_CAPABILITY",
          `struct ${name} of ${size} bytes at offset ${at} does not fit in ${bytes.length} bytes`,
          { hint: "the kernel's answer is malformed: report it with the kernel's version" },
        );
      }
      const view = viewOf(bytes);
      return Object.fromEntries(
        rows.map(({ field, type, offset }) => [field, readField(view, type, at + offset)]),
      ) as Values<F>;
    },
  };
}
