import { PciError } from "@userpci/interface";
import type { ConfigSpace } from "../config.ts";
import { encodeField, keptBits, readRegister, writeRegister } from "../register.ts";
import { resolveOperation } from "../setpci/apply.ts";
import { parseOperation, splitAt } from "../setpci/operation.ts";
import {
  type FieldSpec,
  fieldMask,
  isWritable,
  isWriteOneToClear,
  type RegisterSpec,
  type Width,
} from "../table.ts";
import {
  type ConfigRegister,
  configRegisters,
  findNamed,
  type NamedPlace,
  registersAt,
} from "./registers.ts";

/** One write into a config space, worked out and not done yet. */
export interface RegisterEdit {
  /** What it was asked for as, without the value. */
  readonly name: string;
  /** Byte of the config space. */
  readonly offset: number;
  readonly width: Width;
  /** What the register read. */
  readonly before: number;
  /** What is to be written. */
  readonly after: number;
  /** Bits that this write clears by their being 1 (RW1C): nothing brings them back. */
  readonly clears: number;
}

/**
 * Works out writes: `command.busMaster=1`, `pm.control.powerState=D3hot`, or in setpci's syntax `COMMAND=2:6`, `40.b=1,2`. Numbers are hexadecimal,
 * with `0x` or without. Each register is read once, and none is written. Where several change one register, each begins with what
 * the one before it leaves.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no register, field or value, and for a field that cannot be written, `ERR_OUT_OF_RANGE`,
 * `ERR_NOT_SUPPORTED` for a register that the function has not; what the region throws
 */
export function planEdits(config: ConfigSpace, texts: readonly string[]): readonly RegisterEdit[] {
  const registers = configRegisters(config);
  const edits: RegisterEdit[] = [];
  for (const text of texts) {
    const read = (width: Width, offset: number) =>
      edits.findLast((edit) => edit.offset === offset && edit.width === width)?.after ??
      readRegister(config.region, width, offset);
    edits.push(...planEdit(config, registers, text, read));
  }
  return edits;
}

type Read = (width: Width, offset: number) => number;

function planEdit(
  config: ConfigSpace,
  registers: readonly ConfigRegister[],
  text: string,
  read: Read,
): RegisterEdit[] {
  const equals = text.indexOf("=");
  if (equals < 0) throw wrong(`${JSON.stringify(text)} gives no value`);
  const place = findNamed(registers, text.slice(0, equals));
  const value = text.slice(equals + 1);
  return place === undefined
    ? planOperation(config, registers, text, read)
    : [planNamed(place, value, registers, read)];
}

function wrong(
  message: string,
  hint = "write NAME=VALUE, such as command.busMaster=1 or COMMAND=4:4",
): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", message, { hint });
}

function planOperation(
  config: ConfigSpace,
  registers: readonly ConfigRegister[],
  text: string,
  read: Read,
): RegisterEdit[] {
  const operation = parseOperation(text);
  const { offset: first } = resolveOperation(config, operation);
  const { width, values = [] } = operation;
  const name = text.slice(0, text.indexOf("="));
  return values.map(({ value, mask = allOf(width) }, index) => {
    const offset = first + (index * width) / 8;
    const before = read(width, offset);
    const after = ((before & ~mask) | (value & mask)) >>> 0;
    const clears = (after & before & clearedBits(registers, offset, width)) >>> 0;
    return { name, offset, width, before, after, clears };
  });
}

function planNamed(
  { name, register, field }: NamedPlace,
  text: string,
  registers: readonly ConfigRegister[],
  read: Read,
): RegisterEdit {
  const { offset, width, spec } = register;
  const before = read(width, offset);
  const { value, mask } = field ? ofField(name, field, register, text) : ofRegister(register, text);
  // As an update does: pending status that is not named stays.
  const kept = spec.kind === "fields" ? keptBits(spec) : 0xffff_ffff;
  const after = ((before & kept & ~mask) | (value & mask)) >>> 0;
  const clears = (after & before & clearedBits(registers, offset, width)) >>> 0;
  return { name, offset, width, before, after, clears };
}

interface Bits {
  readonly value: number;
  readonly mask: number;
}

const flags: Readonly<Record<string, boolean>> = {
  1: true,
  0: false,
  true: true,
  false: false,
  on: true,
  off: false,
};

function ofField(name: string, field: FieldSpec, register: ConfigRegister, text: string): Bits {
  if (!isWritable(field.access)) {
    throw wrong(`${name} is read-only (${field.access})`, numberHint(register));
  }
  const mask = fieldMask(field);
  if (field.form === "flag") {
    const flag = flags[text.toLowerCase()];
    if (flag === undefined) throw wrong(`${name} takes 1 or 0, not ${JSON.stringify(text)}`, `${name}=1`);
    return { value: encodeField(name, field, flag), mask };
  }
  const word = field.words?.findIndex((each) => each?.toLowerCase() === text.toLowerCase()) ?? -1;
  const refusal = `${JSON.stringify(text)} is no value for ${name}`;
  return { value: encodeField(name, field, word >= 0 ? word : numberOf(text, refusal)), mask };
}

function ofRegister(register: ConfigRegister, text: string): Bits {
  const { name, spec, width } = register;
  if (!isRegisterWritable(spec)) throw wrong(`${name} is read-only`, numberHint(register));
  const [data, bits] = splitAt(text, ":");
  const most = allOf(width);
  const value = numberOf(data, `${JSON.stringify(data)} is no value for ${name}`);
  const mask = bits === undefined ? most : numberOf(bits, `Invalid mask ${JSON.stringify(bits)}`);
  for (const number of [value, mask]) {
    if (number > most) {
      throw new PciError(
        "ERR_OUT_OF_RANGE",
        `0x${number.toString(16)} does not fit the ${width} bits of ${name}`,
        {
          hint: `give a hexadecimal number up to ${most.toString(16)}`,
        },
      );
    }
  }
  return { value, mask };
}

const letters: Readonly<Record<Width, string>> = { 8: "b", 16: "w", 32: "l" };

/** How a register is written in spite of its table. */
function numberHint({ offset, width }: ConfigRegister): string {
  if (offset % (width / 8) !== 0) return "it cannot be written: its number is not aligned";
  return `give the register's number to write it all the same: ${offset.toString(16)}.${letters[width]}=…`;
}

const isRegisterWritable = (spec: RegisterSpec): boolean =>
  spec.kind === "value"
    ? isWritable(spec.access)
    : Object.values(spec.fields).some(({ access }) => isWritable(access));

function numberOf(text: string, refusal: string): number {
  if (/^(0x)?[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text, 16);
  throw wrong(refusal, "give a hexadecimal number, such as 1f");
}

const allOf = (width: Width): number => 0xffff_ffff >>> (32 - width);

/** Bits of an access that a 1 clears, by the tables. */
function clearedBits(registers: readonly ConfigRegister[], offset: number, width: Width): number {
  let bits = 0n;
  for (const register of registersAt(registers, offset, width / 8)) {
    const own = BigInt(ownClearedBits(register.spec));
    const shift = 8 * (register.offset - offset);
    bits |= shift >= 0 ? own << BigInt(shift) : own >> BigInt(-shift);
  }
  return Number(bits & BigInt(allOf(width)));
}

function ownClearedBits(spec: RegisterSpec): number {
  if (spec.kind === "value") return isWriteOneToClear(spec.access) ? allOf(spec.width) : 0;
  let bits = 0;
  for (const field of Object.values(spec.fields))
    if (isWriteOneToClear(field.access)) bits |= fieldMask(field);
  return bits >>> 0;
}

/**
 * The writes that take others back, in the reverse order. A register that reads something else by now than what was written is
 * reported, and taken back all the same: of some registers bits are read-only.
 */
export function planUndo(
  config: ConfigSpace,
  writes: readonly Omit<RegisterEdit, "clears">[],
): readonly RegisterEdit[] {
  const registers = configRegisters(config);
  return [...writes].reverse().map(({ name, offset, width, before }) => {
    const now = readRegister(config.region, width, offset);
    // A status bit that was pending then must not be cleared by being written back.
    const after = (before & ~clearedBits(registers, offset, width)) >>> 0;
    return { name, offset, width, before: now, after, clears: 0 };
  });
}

/** Does writes, in their order. @returns what each register reads then @throws what the region throws */
export function applyEdits(config: ConfigSpace, edits: readonly RegisterEdit[]): readonly number[] {
  for (const { width, offset, after } of edits) writeRegister(config.region, width, offset, after);
  return edits.map(({ width, offset }) => readRegister(config.region, width, offset));
}
