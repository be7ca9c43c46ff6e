/**
 * What software may do with bits (PCI Express Base Specification 5.0, table 7-4). `RW1C` bits are cleared by writing 1, and
 * a trailing `S` means that the value survives a reset. Bits that no field names are reserved: `RsvdP` is written back
 * as read, `RsvdZ` is written as 0.
 */
export type Access = "RO" | "ROS" | "HwInit" | "RW" | "RWS" | "RW1C" | "RW1CS";

/** The access kinds that a write can have an effect on. */
export type WritableAccess = "RW" | "RWS" | "RW1C" | "RW1CS";

/** Width of a register in bits: one access of this width reads it. */
export type Width = 8 | 16 | 32;

/** Words for the values of a field: by value, `undefined` where the specification reserves it. */
export type Words = readonly (string | undefined)[];

/**
 * How a field's bits become a value: `flag` one bit as boolean, `number` shifted down to bit 0, `address` left in place
 * with the other bits 0, for addresses and offsets whose low bits hold something else.
 */
export type FieldForm = "flag" | "number" | "address";

/** A named span of bits in a register. */
export interface FieldSpec<A extends Access = Access, Form extends FieldForm = FieldForm> {
  readonly form: Form;
  /** Lowest bit. */
  readonly lo: number;
  /** Highest bit, included. */
  readonly hi: number;
  readonly access: A;
  /** Meaning, for people. */
  readonly title: string;
  readonly words?: Words;
}

/** The fields of a register, by name. */
export type FieldTable = Readonly<Record<string, FieldSpec>>;

/** Where a register lies, and when it is there. */
export interface RegisterPlace<When extends string | undefined = string | undefined> {
  /** Bytes from the start of the header or capability. */
  readonly offset: number;
  readonly width: Width;
  /** Section of the PCI Express Base Specification 5.0, unless it names another document. */
  readonly section: string;
  /** Name in the specification. */
  readonly title: string;
  /** Trait of the capability without which the register is not there. */
  readonly when: When;
  /** Trait of the capability that moves the register `by` bytes up. */
  readonly moved?: { readonly when: string; readonly by: number };
  /** Bits of it that bring `when`, its own trait: building sets them. */
  readonly makes?: number;
  /** Reading it does something, so that only who asks for it reads it: no description and no check does. */
  readonly reads?: "effect";
}

/** A register that is one number. */
export interface ValueSpec<A extends Access = Access, When extends string | undefined = string | undefined>
  extends RegisterPlace<When> {
  readonly kind: "value";
  readonly access: A;
  /** Bits of it that are reserved, if any. */
  readonly reservedBits?: number;
}

/** A register made of fields. */
export interface FieldsSpec<
  F extends FieldTable = FieldTable,
  When extends string | undefined = string | undefined,
> extends RegisterPlace<When> {
  readonly kind: "fields";
  readonly fields: F;
  /** What the bits are that no field names. */
  readonly reserved: "RsvdP" | "RsvdZ";
}

/** A register of either kind. */
export type RegisterSpec = ValueSpec | FieldsSpec;

/** The registers of a header or capability, by name. */
export type RegisterTable = Readonly<Record<string, RegisterSpec>>;

/** What a row of a register table may add. */
export interface RegisterOptions {
  readonly when?: string;
  readonly moved?: { readonly when: string; readonly by: number };
  /** See {@link RegisterPlace}. */
  readonly makes?: number;
  /** See {@link RegisterPlace}; by default it may be read at any time. */
  readonly reads?: "effect";
  /** What the bits are that no field names; default `RsvdP`. */
  readonly reserved?: "RsvdP" | "RsvdZ";
  /** Of a register that is one number: the bits of it that are reserved. */
  readonly reservedBits?: number;
}

type WhenOf<O extends RegisterOptions> = O extends { readonly when: infer When extends string }
  ? When
  : undefined;

/** A one-bit field. */
export function flag<const A extends Access>(at: number, access: A, title: string): FieldSpec<A, "flag"> {
  return { form: "flag", lo: at, hi: at, access, title };
}

/** A number of several bits, or one bit that is a number. */
export function bits<const A extends Access>(
  hi: number,
  lo: number,
  access: A,
  title: string,
  words?: Words,
): FieldSpec<A, "number"> {
  const field = { form: "number", lo, hi, access, title } as const;
  return words ? { ...field, words } : field;
}

/** An address or offset, whose low bits are zero and hold something else. */
export function address<const A extends Access>(
  hi: number,
  lo: number,
  access: A,
  title: string,
): FieldSpec<A, "address"> {
  return { form: "address", lo, hi, access, title };
}

/** A register made of fields. */
export function register<F extends FieldTable, const O extends RegisterOptions = Record<never, never>>(
  offset: number,
  width: Width,
  section: string,
  title: string,
  fields: F,
  options?: O,
): FieldsSpec<F, WhenOf<O>> {
  const { when, moved, makes, reads, reserved = "RsvdP" }: RegisterOptions = options ?? {};
  return {
    kind: "fields",
    offset,
    width,
    section,
    title,
    fields,
    reserved,
    when: when as WhenOf<O>,
    ...(moved && { moved }),
    ...(makes !== undefined && { makes }),
    ...(reads && { reads }),
  };
}

/** A register that is one number. */
export function value<const A extends Access, const O extends RegisterOptions = Record<never, never>>(
  offset: number,
  width: Width,
  section: string,
  title: string,
  access: A,
  options?: O,
): ValueSpec<A, WhenOf<O>> {
  const { when, moved, reads, reservedBits }: RegisterOptions = options ?? {};
  return {
    kind: "value",
    offset,
    width,
    section,
    title,
    access,
    when: when as WhenOf<O>,
    ...(moved && { moved }),
    ...(reads && { reads }),
    ...(reservedBits && { reservedBits }),
  };
}

/** First byte behind a register, counted from where its offset is. */
export function endOf({ offset, width }: { readonly offset: number; readonly width: number }): number {
  return offset + width / 8;
}

/** The bits of a field, as a mask on its register: unsigned. */
export function fieldMask(field: FieldSpec): number {
  return ((0xffff_ffff >>> (31 - (field.hi - field.lo))) << field.lo) >>> 0;
}

/** The number in a field of a register's bits: unsigned, moved down to bit 0 whatever the field's form. */
export function fieldOf(field: FieldSpec, raw: number): number {
  const above = 31 - field.hi;
  return (raw << above) >>> (above + field.lo);
}

/** A register's bits with another number in one of its fields. @param value that fits the field, from bit 0 on */
export function withField(field: FieldSpec, raw: number, value: number): number {
  const mask = fieldMask(field);
  return ((raw & ~mask) | ((value << field.lo) & mask)) >>> 0;
}

/** Whether a write can have an effect on bits of this kind. */
export function isWritable(access: Access): access is WritableAccess {
  return access === "RW" || access === "RWS" || isWriteOneToClear(access);
}

/** Whether bits of this kind are cleared by writing 1. */
export function isWriteOneToClear(access: Access): boolean {
  return access === "RW1C" || access === "RW1CS";
}
