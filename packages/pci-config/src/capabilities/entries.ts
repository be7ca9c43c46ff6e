import type { ListSpec } from "../view.ts";

/** Starts of entries of `stride` bytes from the byte `first` of a capability on, to its end. */
export function entryStarts(first: number, stride: number): ListSpec["starts"] {
  return ({ length }) =>
    Array.from(
      { length: Math.max(0, Math.ceil((length - first) / stride)) },
      (_, entry) => first + stride * entry,
    );
}
