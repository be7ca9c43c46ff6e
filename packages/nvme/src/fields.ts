import type { RegisterField } from "@userpci/device-model/registers";

/** The bits of a field of 32 bits of a register, such as `nvmeRegisters.rows.CC.fields.MPS`. */
export function fieldOf(value: number, { lo, hi = lo }: Pick<RegisterField, "lo" | "hi">): number {
  return (value >>> lo) & (2 ** (hi - lo + 1) - 1);
}

/** A field's value at its place; unsigned. */
export function inField(value: number, { lo }: Pick<RegisterField, "lo">): number {
  return (value << lo) >>> 0;
}
