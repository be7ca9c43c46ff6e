import { PciError } from "@userpci/interface";
import type { CapabilityKind } from "../capability.ts";
import type { Width } from "../table.ts";
import { EXTENDED_SIZE } from "../walk.ts";
import { type NamedRegister, namedCapabilities, namedRegisters } from "./names.ts";

/** Where an operation begins to count. */
export type OperationBase =
  | { readonly kind: "address"; readonly offset: number; readonly named?: NamedRegister }
  | { readonly kind: CapabilityKind; readonly id: number };

/** A value to be written, with the bits of it that are meant; undefined means all. */
export interface MaskedValue {
  readonly value: number;
  readonly mask?: number;
}

/** A register to read, or to write values into: one, or several in a row of registers of the same width. */
export interface Operation {
  /** As it was given. */
  readonly text: string;
  readonly base: OperationBase;
  /** Bytes to add to the base. */
  readonly offset: number;
  readonly width: Width;
  /** Which of several capabilities with the same id, from 0. */
  readonly instance: number;
  /** Undefined for a read. */
  readonly values?: readonly MaskedValue[];
}

const widths: Readonly<Record<string, Width>> = { b: 8, w: 16, l: 32 };

const registers = new Map(namedRegisters.map((register) => [register.name, register]));
const capabilities = new Map(namedCapabilities.map((capability) => [capability.name, capability]));

/**
 * Parses an operation in setpci's syntax: `COMMAND`, `10.l`, `CAP_PM+4.w=3`, `ECAP0010+8.l@0`, `COMMAND=2:6`, `40.b=1,2,3`. All numbers are
 * hexadecimal, names are of either case; see `registerListing`.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` with setpci's own words
 */
export function parseOperation(text: string): Operation {
  const equals = text.indexOf("=");
  const target = equals < 0 ? text : text.slice(0, equals);
  const { base, offset, width, instance } = parseTarget(target);
  const list = equals < 0 ? undefined : text.slice(equals + 1);
  const count = list === undefined ? 1 : list.split(",").length;
  const first = base.kind === "address" ? base.offset + offset : offset;
  if (first + (count * width) / 8 > EXTENDED_SIZE) refuse(`Register number ${hex2(first)} out of range`);
  if (first % (width / 8) !== 0) refuse(`Unaligned register address ${hex2(first)}`);
  const values = list === undefined ? undefined : parseValues(list, width);
  return { text, base, offset, width, instance, ...(values && { values }) };
}

function parseTarget(target: string): Pick<Operation, "base" | "offset" | "width" | "instance"> {
  const [place = "", number] = splitAt(target, "@");
  const [sum = "", letter] = splitAt(place, ".");
  const [name = "", added] = splitAt(sum, "+");
  const given = letter === undefined ? undefined : widths[letter.toLowerCase()];
  // Of an empty width setpci prints the character that ends its text.
  if (letter !== undefined && given === undefined) refuse(`Invalid width "${letter || "\0"}"`);
  const base = parseBase(name);
  const offset = added === undefined ? 0 : parseNumber(added);
  if (offset === undefined || offset >= EXTENDED_SIZE) refuse(`Invalid offset "${added}"`);
  const instance = number === undefined ? 0 : parseNumber(number);
  if (instance === undefined || instance > MAX_INSTANCE) refuse(`Invalid number "${number}"`);
  const width = given ?? (base.kind === "address" ? base.named?.width : undefined);
  if (width === undefined) refuse("Missing width");
  return { base, offset, width, instance };
}

/** setpci counts in a signed number of 32 bits. */
const MAX_INSTANCE = 0x7fff_ffff;

function parseBase(name: string): OperationBase {
  const address = parseNumber(name);
  if (address !== undefined) return { kind: "address", offset: address };
  const upper = name.toUpperCase();
  const named = registers.get(upper);
  if (named) return { kind: "address", offset: named.offset, named };
  const known = capabilities.get(upper);
  if (known) return { kind: known.kind, id: known.id };
  const [, extended, digits = ""] = /^(E?)CAP(.*)$/.exec(upper) ?? [];
  const id = parseNumber(digits);
  if (id === undefined || id > (extended === "E" ? 0xfff : 0xff)) refuse(`Unknown register "${name}"`);
  return { kind: extended === "E" ? "extended" : "standard", id };
}

function parseValues(list: string, width: Width): MaskedValue[] {
  if (list === "") refuse("Missing value");
  return list.split(",").map((item) => {
    const [data = "", bits] = splitAt(item, ":");
    const value = bits !== undefined && data === "" ? 0 : parseNumber(data);
    if (value === undefined) refuse(`Invalid value "${item}"`);
    if (!fits(value, width)) refuse(`Value "${item}" is out of range`);
    if (bits === undefined) return { value: cut(value, width) };
    const mask = parseNumber(bits);
    if (mask === undefined) refuse(`Invalid mask "${bits}"`);
    if (!fits(mask, width)) refuse(`Mask "${bits}" is out of range`);
    // Where all bits are meant nothing need be read before.
    return cut(~mask, width) === 0
      ? { value: cut(value, width) }
      : { value: cut(value & mask, width), mask: cut(mask, width) };
  });
}

/** Whether the bits above the width are all 0, or all 1 as those of a negative number. */
function fits(value: number, width: Width): boolean {
  const above = width === 32 ? 0 : value >>> width;
  return above === 0 || above === 0xffff_ffff >>> width;
}

const cut = (value: number, width: Width): number => (value & (0xffff_ffff >>> (32 - width))) >>> 0;

/** A hexadecimal number of at most 32 bits, or undefined. White space and a plus sign may stand before it, as for strtoul. */
function parseNumber(text: string): number | undefined {
  if (!/^\s*\+?(0x)?[0-9a-f]+$/i.test(text)) return undefined;
  const value = Number.parseInt(text, 16);
  return value <= 0xffff_ffff ? value : undefined;
}

/** What stands before and behind the first `mark`; undefined behind if there is none. */
export function splitAt(text: string, mark: string): readonly [string, string?] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

const hex2 = (value: number): string => value.toString(16).padStart(2, "0");

function refuse(words: string): never {
  throw new PciError("ERR_INVALID_ARGUMENT", words, {
    hint: "an operation is NAME, NUMBER.WIDTH or CAP_NAME+OFFSET.WIDTH, with =VALUE or =VALUE:MASK to write",
  });
}
