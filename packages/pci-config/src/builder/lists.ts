import { checkType, PciError } from "@userpci/interface";
import type { ListSpec, ListTable, Span } from "../view.ts";
import { type AnyRegisterValues, checkList, isFixed, type RegisterValues, writeValues } from "./values.ts";

/**
 * Values for the lists of a capability: by name, the registers of each turn in order; those left out are 0. Where a field of the capability
 * tells their number, it is set to it if it is 0.
 */
export type ListValues<L extends ListTable> = {
  readonly [K in keyof L]?: readonly RegisterValues<L[K]["registers"]>[];
};

/** Values of lists whose table is not known to the compiler. */
export type AnyListValues = Readonly<Record<string, readonly AnyRegisterValues[] | undefined>>;

/**
 * Writes the lists of a capability, whose other registers are written.
 *
 * @param spanOf the capability as it would be found now: where an entry lies may depend on those before it
 * @returns first byte behind the last register written, or 0
 * @throws PciError `ERR_INVALID_ARGUMENT` for a list that there is not, or more entries than the registers tell; else as `writeValues`
 */
export function writeLists(spanOf: () => Span, table: ListTable, values: AnyListValues): number {
  checkType("`lists`", values, "object");
  let end = 0;
  for (const [name, entries = []] of Object.entries(values)) {
    checkList(`lists.${name}`, entries);
    for (const [turn, entry] of entries.entries()) {
      const span = spanOf();
      const spec = Object.hasOwn(table, name) ? table[name] : undefined;
      if (spec === undefined) throw noList(span.name, name, Object.keys(table));
      const starts = Array.from(spec.starts(span));
      const start = starts[turn];
      if (start === undefined) throw tooMany(span.name, name, starts.length, entries.length);
      const place = { ...span, offset: span.offset + start, name: `${span.name}.${name}[${turn}]` };
      end = Math.max(end, writeTurn(place, spec, entry));
    }
  }
  // The last entry may have held the count.
  if (end > 0) spanOf();
  return end;
}

/** Writes one turn of a list: first what may tell which of its other registers are there. */
function writeTurn(place: Span, { registers, narrow }: ListSpec, entry: AnyRegisterValues): number {
  if (narrow === undefined) return writeValues(place, registers, entry);
  const fixed = writeValues(place, registers, entry, isFixed);
  const { length, traits } = narrow({ ...place, length: place.region.size - place.offset });
  const end = Math.max(
    fixed,
    writeValues({ ...place, traits }, registers, entry, (row) => !isFixed(row)),
  );
  if (end <= place.offset + length) return end;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `${place.name} says that it has ${length} bytes, but its registers need ${end - place.offset}`,
    { hint: "set the field that tells its size" },
  );
}

function noList(owner: string, name: string, names: readonly string[]): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `${owner} has no list ${name}`, {
    hint: names.length === 0 ? "give its content as registers or bytes" : `its lists are ${names.join(", ")}`,
  });
}

function tooMany(owner: string, name: string, there: number, given: number): PciError {
  return new PciError(
    "ERR_INVALID_ARGUMENT",
    `${owner} has ${there} ${name} by its registers, but ${given} were given`,
    { hint: "set the register that tells how many there are, or the link width of the pcie capability" },
  );
}
