import type { Region } from "@userpci/interface";
import { encodeField, rawAt } from "./register.ts";
import { type FieldSpec, type FieldsSpec, fieldMask, fieldOf, type Width } from "./table.ts";

/** The field in which a capability tells how often the registers of a list are there: `times` their number, and `plus`. */
export interface ListCount {
  /** Bytes from the start of the capability to the register of the field. */
  readonly offset: number;
  /** Bits of that register. */
  readonly width: Width;
  readonly field: FieldSpec;
  readonly times: number;
  readonly plus: number;
}

/** What differs from a count that is just the number. */
export type ListCountOptions = Partial<Pick<ListCount, "offset" | "times" | "plus">>;

/**
 * Makes a {@link ListCount} of a field of a register.
 *
 * @param options `offset` for a register that is itself one of a list, whose own offset counts from its turn
 */
export function countIn<S extends FieldsSpec>(
  { offset, width, fields }: S,
  field: keyof S["fields"] & string,
  options: ListCountOptions = {},
): ListCount {
  return { offset, width, field: fields[field]!, times: 1, plus: 0, ...options };
}

/** How often the capability that starts at `base` has the registers of a list, by what it tells. One access. */
export function countAt(region: Region, base: number, count: ListCount): number {
  return (fieldOf(count.field, rawAt(region, base, count)) - count.plus) / count.times;
}

/**
 * The bits of a register with the count set to `turns`, unless it tells a number already.
 *
 * @param name what is counted, for the error
 * @throws PciError `ERR_OUT_OF_RANGE` for more turns than the field can tell
 */
export function withCount(
  name: string,
  { field, times, plus }: ListCount,
  raw: number,
  turns: number,
): number {
  if (turns === 0 || (raw & fieldMask(field)) !== 0) return raw;
  return (raw | encodeField(name, field, times * turns + plus)) >>> 0;
}
