import { type FieldSpec, fieldMask, fieldOf } from "../table.ts";

export { fieldOf } from "../table.ts";

/** A register's bits as text. */
export type Line = (raw: number) => string;

/** What a {@link line} may hold between its words: a field of the register, or its own way to print the bits. */
export type Piece = FieldSpec | ((raw: number) => string | number);

/**
 * Compiles a line about one register. A flag prints as `+` or `-`, any other field in decimal; the words between them are
 * printed as they stand.
 *
 * ```ts
 * const status = line`\t\tAFStatus: TP${fields.transactionsPending}\n`;
 * ```
 */
export function line(words: TemplateStringsArray, ...pieces: readonly Piece[]): Line {
  let prints: readonly ((raw: number) => string | number)[] | undefined;
  let last: { readonly raw: number; readonly text: string } | undefined;
  return (raw) => {
    // Functions of a kind say the same of themselves, one after the other.
    if (raw === last?.raw) return last.text;
    // Most lines of most capabilities are never printed.
    prints ??= pieces.map(printerOf);
    let text = words[0]!;
    for (let i = 0; i < prints.length; i++) text += prints[i]!(raw) + words[i + 1]!;
    last = { raw, text };
    return text;
  };
}

function printerOf(piece: Piece): (raw: number) => string | number {
  if (typeof piece === "function") return piece;
  const mask = fieldMask(piece);
  if (piece.form === "flag") return (raw) => ((raw & mask) !== 0 ? "+" : "-");
  return (raw) => (raw & mask) >>> piece.lo;
}

/** A field as hexadecimal digits, at least so many. */
export function hexField(field: FieldSpec, digits: number): Line {
  return (raw) => hex(fieldOf(field, raw), digits);
}

/** A field that has a word for each value; `other` is for values beyond the list. */
export function wordField(
  field: FieldSpec,
  words: readonly string[],
  other: string | ((value: number) => string),
): Line {
  return (raw) => {
    const value = fieldOf(field, raw);
    return words[value] ?? (typeof other === "string" ? other : other(value));
  };
}

/** A field through a function of its number. */
export function mapField(field: FieldSpec, print: (value: number) => string | number): Line {
  return (raw) => String(print(fieldOf(field, raw)));
}

/** A word that stands there only if a flag is set. */
export function ifSet(field: FieldSpec, word: string, otherwise = ""): Line {
  const mask = fieldMask(field);
  return (raw) => ((raw & mask) !== 0 ? word : otherwise);
}

/** Hexadecimal digits, at least so many. */
export function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
