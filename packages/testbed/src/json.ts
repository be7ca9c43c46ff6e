const BIGINT = "$bigint";

/** JSON text of a value that may hold bigints (I/O virtual addresses). */
export function toJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, item) =>
    typeof item === "bigint" ? { [BIGINT]: String(item) } : item,
  );
}

/** The inverse of {@link toJson}. */
export function fromJson(text: string): unknown {
  return JSON.parse(text, (_key, item) => {
    const digits = (item as Record<string, unknown> | null)?.[BIGINT];
    return typeof digits === "string" ? BigInt(digits) : item;
  });
}
