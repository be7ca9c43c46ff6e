import type { LengthRule } from "../capability.ts";
import { countAt, type ListCount } from "../list-count.ts";
import type { ListSpec } from "../view.ts";

/** Starts of entries of `stride` bytes from the byte `first` of a capability on, to its end. */
export function entryStarts(first: number, stride: number): ListSpec["starts"] {
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
