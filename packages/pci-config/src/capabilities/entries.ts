import type { LengthRule } from "../capability.ts";
import { countAt, type ListCount } from "../list-count.ts";
import type { RegisterTable } from "../table.ts";
import { type ListSpec, list } from "../view.ts";

/** A list whose entries follow each other up to the end of the capability. */
export interface EntryList<T extends RegisterTable = RegisterTable> extends ListSpec<T> {
  /** Byte of the capability at which the first entry lies. */
  readonly first: number;
  /** Bytes of an entry. */
  readonly stride: number;
}

/** Makes the row of a list of entries of `stride` bytes, from the byte `first` of a capability on. */
export function entryList<T extends RegisterTable>(
  registers: T,
  first: number,
  stride: number,
): EntryList<T> {
  return { ...list(registers, entryStarts(first, stride)), first, stride };
}

function entryStarts(first: number, stride: number): ListSpec["starts"] {
  return ({ length }) =>
    Array.from(
      { length: Math.max(0, Math.ceil((length - first) / stride)) },
      (_, entry) => first + stride * entry,
    );
}

/** Bytes of a capability that ends with as many entries of `stride` bytes, from its byte `first` on, as a count tells. */
export function entriesLength(first: number, stride: number, count: ListCount): LengthRule {
  return (region, offset) => first + stride * countAt(region, offset, count);
}
