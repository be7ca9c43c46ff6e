import { checkInteger, checkType, PciError, type Region } from "@userpci/interface";
import { describeFields, type FieldReader, fieldReaders, readField } from "./field-reader.ts";
import { formatFields } from "./format.ts";
import {
  type FieldForm,
  type FieldSpec,
  type FieldsSpec,
  fieldMask,
  fieldOf,
  isWritable,
  isWriteOneToClear,
  type RegisterSpec,
  type Width,
  type WritableAccess,
} from "./table.ts";

/** What a field of a form reads as. */
export type FormValue<Form extends FieldForm> = Form extends "flag" ? boolean : number;

/** What a field reads as: boolean for one bit, else number. */
export type FieldValue<F extends FieldSpec> = FormValue<F["form"]>;

/** All fields of a register, from one read. */
export type FieldValues<S extends FieldsSpec> = {
  readonly [F in keyof S["fields"]]: FieldValue<S["fields"][F]>;
};

/** Names of the fields that a write can have an effect on. */
export type WritableFields<S extends FieldsSpec> = {
  [F in keyof S["fields"]]: S["fields"][F] extends FieldSpec<infer A>
    ? [A] extends [WritableAccess]
      ? F
      : never
    : never;
}[keyof S["fields"]];

/** What {@link RegisterAccess.update} takes: any of the fields that can be written. */
export type FieldChanges<S extends FieldsSpec> = [WritableFields<S>] extends [never]
  ? Readonly<Record<string, never>>
  : { readonly [F in WritableFields<S>]?: FieldValue<S["fields"][F]> };

/** A register's methods. Nothing is cached: every call reads or writes the region. */
export interface RegisterAccess<S extends FieldsSpec> {
  /** The register's row of its table. */
  readonly spec: S;
  /** Reads the register: one access of its width. */
  readonly raw: number;
  /** Reads all fields with one access. */
  read(): FieldValues<S>;
  /**
   * Writes all bits as given, with one access.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` if `value` does not fit the register
   */
  write(value: number): void;
  /**
   * Changes fields, with one read and one write of the register's width. Fields not named keep what was read; RW1C
   * bits not named are written 0, so that no pending status is lost, and RsvdZ bits are written 0. `true` for an RW1C
   * field clears it.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT` for an unknown or read-only field or a value of the wrong type,
   * `ERR_OUT_OF_RANGE` for a value that does not fit; nothing is then written
   */
  update(changes: FieldChanges<S>): void;
  /** The fields, as {@link read}. */
  toJSON(): FieldValues<S>;
}

/** A register: its fields as properties, each read being one access, and its methods. */
export type Register<S extends FieldsSpec> = RegisterAccess<S> & FieldValues<S>;

/** Reads a register of a given width. */
export function readRegister(region: Region, width: Width, offset: number): number {
  if (width === 8) return region.read8(offset);
  return width === 16 ? region.read16(offset) : region.read32(offset);
}

/** The bits of a register of the header or capability that starts at `base`: one access of its width. */
export function rawAt(
  region: Region,
  base: number,
  { width, offset }: Pick<RegisterSpec, "width" | "offset">,
): number {
  return readRegister(region, width, base + offset);
}

/**
 * The number in a field of a register, moved down to bit 0 whatever the field's form: one access of the register's width.
 *
 * @param base first byte of the header or capability that the register belongs to
 */
export function fieldAt<S extends FieldsSpec>(
  region: Region,
  base: number,
  spec: S,
  name: keyof S["fields"] & string,
): number {
  return fieldOf(spec.fields[name]!, rawAt(region, base, spec));
}

/**
 * Writes a register of a given width.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` if `value` does not fit
 */
export function writeRegister(region: Region, width: Width, offset: number, value: number): void {
  checkInteger("value", value, 0, 2 ** width - 1);
  if (width === 8) region.write8(offset, value);
  else if (width === 16) region.write16(offset, value);
  else region.write32(offset, value);
}

/** A value as a field's bits in its register. @throws PciError as {@link RegisterAccess.update} */
export function encodeField(name: string, field: FieldSpec, value: unknown): number {
  const wanted = field.form === "flag" ? "boolean" : "number";
  if (typeof value !== wanted) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${name} takes a ${wanted}, not ${String(value)}`, {
      hint: field.form === "flag" ? `give true or false: ${field.title}` : `give a number: ${field.title}`,
    });
  }
  const mask = fieldMask(field);
  if (field.form === "flag") return value === true ? mask : 0;
  const number = value as number;
  if (field.form === "number") {
    return (checkInteger(name, number, 0, mask >>> field.lo) << field.lo) >>> 0;
  }
  checkInteger(name, number, 0, mask);
  if ((number & ~mask) !== 0) {
    const multiple = 2 ** field.lo;
    throw new PciError(
      "ERR_MISALIGNED",
      `${name} is 0x${number.toString(16)}, not a multiple of ${multiple}`,
      { hint: `give 0x${((number & mask) >>> 0).toString(16)} or another multiple` },
    );
  }
  return number;
}

/** What Node's console asks for the text of an object; other consoles do not. */
const inspected = Symbol.for("nodejs.util.inspect.custom");

class RegisterView implements RegisterAccess<FieldsSpec> {
  declare readonly spec: FieldsSpec;
  declare protected readonly readers: readonly FieldReader[];
  /** Bits that an update writes back as it read them. */
  declare protected readonly kept: number;
  /** Its name in the table. */
  declare protected readonly label: string;
  readonly #region: Region;
  readonly #offset: number;

  constructor(region: Region, offset: number) {
    this.#region = region;
    this.#offset = offset;
  }

  get raw(): number {
    return readRegister(this.#region, this.spec.width, this.#offset);
  }

  read(): FieldValues<FieldsSpec> {
    const raw = this.raw;
    const values: Record<string, boolean | number> = {};
    for (const reader of this.readers) values[reader.name] = readField(reader, raw);
    return values;
  }

  write(value: number): void {
    writeRegister(this.#region, this.spec.width, this.#offset, value);
  }

  update(changes: FieldChanges<FieldsSpec>): void {
    checkType("changes", changes, "object");
    let changed = 0;
    let bits = 0;
    for (const [name, value] of Object.entries(changes)) {
      const field = this.#writable(name);
      changed |= fieldMask(field);
      bits |= encodeField(name, field, value);
    }
    this.write(((this.raw & this.kept & ~changed) | bits) >>> 0);
  }

  toJSON(): FieldValues<FieldsSpec> {
    return this.read();
  }

  /** `command = 0x2 (memory)`, with one read; none where reading does something. Why not, where it cannot be read. */
  [inspected](): string {
    const { spec, label, readers } = this;
    if (spec.reads !== undefined) return `${label} (reading it has an effect)`;
    let raw: number;
    try {
      raw = this.raw;
    } catch (error) {
      return `${label} (${(error as Error).message})`;
    }
    const words = formatFields(describeFields(this.#offset, spec.width, raw, readers));
    return `${label} = 0x${raw.toString(16)}${words && ` (${words})`}`;
  }

  #writable(name: string): FieldSpec {
    const { fields, title } = this.spec;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field && isWritable(field.access)) return field;
    const names = Object.keys(fields).filter((key) => isWritable(fields[key]!.access));
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      field ? `${name} of ${title} is read-only` : `${title} has no field ${name}`,
      {
        hint:
          names.length > 0
            ? `fields that can be written: ${names.join(", ")}`
            : "nothing of it can be written",
      },
    );
  }
}

/** A class of registers, made of one row of a table. */
export type RegisterClass<S extends FieldsSpec> = new (region: Region, offset: number) => Register<S>;

/** Bits of a register that a write of other fields writes back as it read them: not those that a 1 clears. */
export function keptBits(spec: FieldsSpec): number {
  let kept = spec.reserved === "RsvdP" ? 0xffff_ffff : 0;
  for (const field of Object.values(spec.fields)) {
    const mask = fieldMask(field);
    kept = isWriteOneToClear(field.access) ? kept & ~mask : kept | mask;
  }
  return (kept & (0xffff_ffff >>> (32 - spec.width))) >>> 0;
}

/** Makes the class of a register, by its name in the table: a getter for each field of its row. */
export function registerClass<S extends FieldsSpec>(spec: S, name: string): RegisterClass<S> {
  class Made extends RegisterView {}
  const prototype = Made.prototype;
  const readers = fieldReaders(spec);
  Object.defineProperty(prototype, "spec", { value: spec });
  Object.defineProperty(prototype, "kept", { value: keptBits(spec) });
  Object.defineProperty(prototype, "readers", { value: readers });
  Object.defineProperty(prototype, "label", { value: name });
  for (const reader of readers) {
    Object.defineProperty(prototype, reader.name, {
      enumerable: true,
      get(this: RegisterView) {
        return readField(reader, this.raw);
      },
    });
  }
  // The getters were made from the very table that the type is derived from.
  return Made as unknown as RegisterClass<S>;
}
