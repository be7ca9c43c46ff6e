import { checkInteger, checkType, formatValue, PciError, type Region } from "@userpci/interface";
import { encodeField, type FieldValue, readRegister, writeRegister } from "../register.ts";
import type { FieldsSpec, RegisterSpec, RegisterTable } from "../table.ts";
import { placeOf, type Span } from "../view.ts";

/** Values for the registers of a table: a number for all bits of one, or its fields by name, the others being 0. */
export type RegisterValues<T extends RegisterTable> = {
  readonly [K in keyof T]?: T[K] extends FieldsSpec<infer F>
    ? number | { readonly [N in keyof F]?: FieldValue<F[N]> }
    : number;
};

/** Values of registers whose table is not known to the compiler. */
export type AnyRegisterValues = Readonly<
  Record<string, number | Readonly<Record<string, number | boolean | undefined>> | undefined>
>;

function bad(message: string, hint: string): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", message, { hint });
}

/** Lets lists through. @throws PciError `ERR_INVALID_ARGUMENT` */
export function checkList(name: string, value: unknown): void {
  if (Array.isArray(value)) return;
  throw bad(`${name} must be a list, not ${formatValue(value)}`, "give an array");
}

/** The bits of a register. @throws PciError as {@link writeValues} */
function encode(owner: string, name: string, spec: RegisterSpec, value: AnyRegisterValues[string]): number {
  if (typeof value === "number") return value;
  if (spec.kind === "value" || typeof value !== "object" || value === null) {
    throw bad(
      `${owner}.${name} takes a number, not ${formatValue(value)}`,
      `give all ${spec.width} bits of it`,
    );
  }
  let bits = 0;
  for (const [field, content] of Object.entries(value)) {
    if (content === undefined) continue;
    const row = Object.hasOwn(spec.fields, field) ? spec.fields[field] : undefined;
    if (row === undefined) {
      throw bad(
        `${owner}.${name} has no field ${field}`,
        `its fields are ${Object.keys(spec.fields).join(", ")}`,
      );
    }
    bits |= encodeField(`${owner}.${name}.${field}`, row, content);
  }
  return bits >>> 0;
}

/** Registers that are always at the same place come first: others depend on what they hold. */
export const isFixed = ({ when, moved }: RegisterSpec): boolean => when === undefined && moved === undefined;

/**
 * Writes registers of a header or capability, whatever access software has to them.
 *
 * @param choose which registers of the table to write
 * @returns first byte behind the last register written, or the span's own first byte
 * @throws PciError `ERR_INVALID_ARGUMENT` for a register or field that there is not, or a value of the wrong type; `ERR_OUT_OF_RANGE` for
 * one that does not fit; `ERR_MISALIGNED` for an address with low bits
 */
export function writeValues(
  span: Omit<Span, "length">,
  table: RegisterTable,
  values: AnyRegisterValues,
  choose: (spec: RegisterSpec) => boolean = () => true,
): number {
  checkType(`registers of ${span.name}`, values, "object");
  let end = span.offset;
  for (const [name, value] of Object.entries(values)) {
    const spec = Object.hasOwn(table, name) ? table[name] : undefined;
    if (spec === undefined) {
      const names = Object.keys(table);
      throw bad(
        `${span.name} has no register ${name}`,
        names.length === 0 ? "give its content as bytes" : `its registers are ${names.join(", ")}`,
      );
    }
    if (value === undefined || !choose(spec)) continue;
    const place = placeOf({ ...span, length: 0 }, spec);
    if (place === undefined) {
      throw bad(
        `${span.name} has no register ${name} without ${spec.when}`,
        `set what makes it ${spec.when} too`,
      );
    }
    write(span.region, spec, place, encode(span.name, name, spec, value), `${span.name}.${name}`);
    end = Math.max(end, place + spec.width / 8);
  }
  return end;
}

function write(
  region: Region,
  { width, makes }: RegisterSpec,
  place: number,
  value: number,
  name: string,
): void {
  if (place + width / 8 > region.size) {
    throw new PciError("ERR_OUT_OF_RANGE", `${name} would lie at ${place}, past the end at ${region.size}`, {
      hint: "leave it out, or give fewer entries before it",
    });
  }
  writeRegister(region, width, place, checkInteger(name, value, 0, 2 ** width - 1));
  if (makes !== undefined) writeRegister(region, width, place, readRegister(region, width, place) | makes);
}
