import type { RegisterDescription } from "./register-description.ts";
import { type FieldSpec, type FieldsSpec, fieldMask, type Words } from "./table.ts";

/** A field of a register, with its bits worked out, for what reads it over and over. */
export interface FieldReader {
  readonly name: string;
  readonly mask: number;
  /** Bits to the right that its value is moved. */
  readonly shift: number;
  readonly isFlag: boolean;
  readonly words: Words | undefined;
}

/** Makes the reader of a field. */
export function fieldReader(name: string, field: FieldSpec): FieldReader {
  const { form, lo, words } = field;
  return {
    name,
    mask: fieldMask(field),
    shift: form === "address" ? 0 : lo,
    isFlag: form === "flag",
    words,
  };
}

/** Makes the readers of a register's fields, in the order of its row. */
export function fieldReaders(spec: FieldsSpec): readonly FieldReader[] {
  return Object.entries(spec.fields).map(([name, field]) => fieldReader(name, field));
}

/** The value of a field in a register's bits. */
export function readField({ mask, shift, isFlag }: FieldReader, raw: number): boolean | number {
  return isFlag ? (raw & mask) !== 0 : (raw & mask) >>> shift;
}

/** A register's bits with its fields, and words for their values. */
export function describeFields(
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
