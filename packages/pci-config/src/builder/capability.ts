import { checkInteger, formatValue, PciError, type Region } from "@userpci/interface";
import { bytesRegion, readBytes } from "../bytes.ts";
import { type CapabilityKind, type CapabilitySpec, openCapability } from "../capability.ts";
import { extendedCapabilities } from "../extended.ts";
import { HEADER_SIZE } from "../header.ts";
import { countIn, type ListCount, withCount } from "../list-count.ts";
import { rawAt, writeRegister } from "../register.ts";
import { standardCapabilities } from "../standard.ts";
import { bits, type RegisterTable } from "../table.ts";
import { placeOf, RegisterSet, type Span, type Traits } from "../view.ts";
import { EXTENDED_SIZE, extendedHeader, STANDARD_SIZE } from "../walk.ts";
import type { CapabilityContent } from "./description.ts";
import { type AnyListValues, writeLists } from "./lists.ts";
import { type AnyRegisterValues, isFixed, writeValues } from "./values.ts";

/** A capability of either kind to build, without its types. */
export type AnyCapabilityToBuild = CapabilityContent & {
  readonly name?: string | undefined;
  readonly id?: number;
  readonly version?: number;
  readonly registers?: AnyRegisterValues | undefined;
  readonly lists?: AnyListValues | undefined;
};

/** First byte, and first byte behind the area, of each kind, and bytes of a capability's header. */
export const areas = {
  standard: { start: HEADER_SIZE, end: STANDARD_SIZE, head: 2 },
  extended: { start: STANDARD_SIZE, end: EXTENDED_SIZE, head: 4 },
} as const;

const tables: Readonly<Record<CapabilityKind, Readonly<Record<string, CapabilitySpec>>>> = {
  standard: standardCapabilities,
  extended: extendedCapabilities,
};

const idLimits = { standard: 0xff, extended: 0xffff } as const;

const { vendor } = standardCapabilities;
const { vsec, dvsec, registerBlockLocator } = extendedCapabilities;

/** The fields in which a capability tells its own length, in bytes. */
const toldLengths: Readonly<Record<string, ListCount>> = {
  "standard vendor": { ...vendor.registers.length, field: bits(7, 0, "RO", "Length"), times: 1, plus: 0 },
  "extended vsec": countIn(vsec.registers.header, "length"),
  "extended dvsec": countIn(dvsec.registers.header1, "length"),
  "extended registerBlockLocator": countIn(registerBlockLocator.registers.capabilities, "length"),
};

/**
 * The bytes of a capability whose pointer is still 0.
 *
 * @param before the bytes before the area of its kind: header and, for an extended one, the standard capabilities. The
 * layout of some depends on them
 * @throws PciError as `buildSpace`
 */
export function encodeCapability(
  kind: CapabilityKind,
  given: AnyCapabilityToBuild,
  before: Uint8Array,
): Uint8Array {
  const { start, end, head } = areas[kind];
  const { name, spec, id } = identify(kind, given);
  const scratch = new Uint8Array(end);
  scratch.set(before);
  const region = bytesRegion(scratch);
  writeIdentity(region, kind, id, given.version ?? 1);
  const { bytes = [], length = 0, registers = {}, lists = {} } = given;
  checkInteger(`length of ${name}`, length, 0, end - start);
  scratch.set(contentOf(name, bytes, end - start - head), start + head);
  const { traits, end: written } = writeRegisters({ region, offset: start, name }, spec, registers);
  const listed = writeLists(
    () => {
      setCounts(region, start, name, spec, lists);
      const { capability } = openCapability(region, { kind, id, version: 0, offset: start }, name, spec, end);
      return RegisterSet.spanOf(capability);
    },
    spec?.lists ?? {},
    lists,
  );
  const needed = Math.max(length, head + bytes.length, written - start, listed - start, 4);
  const known = length === 0 && spec ? knownLength(spec, traits) : 0;
  const told = toldLengths[`${kind} ${name}`];
  if (told) setCount(region, start, `length of ${name}`, told, Math.max(needed, known, spec?.minimum ?? 0));
  return readBytes(region, start, lengthOf(kind, name, spec, region, needed));
}

/** The traits that given registers bring with them; two of them may be against each other, which is found when all is written. */
function* makersOf(table: RegisterTable, values: AnyRegisterValues): Generator<string> {
  for (const name of Object.keys(Object(values))) {
    const spec = Object.hasOwn(table, name) ? table[name] : undefined;
    if (spec?.makes !== undefined && spec.when !== undefined) yield spec.when;
  }
}

/** Writes registers, those first that decide which others are there. @returns first byte behind them */
function writeRegisters(
  span: Pick<Span, "region" | "offset" | "name">,
  spec: CapabilitySpec | undefined,
  values: AnyRegisterValues,
): { traits: Traits; end: number } {
  const table = spec?.registers ?? {};
  const traitsNow = (): Traits => new Set(spec?.traits?.(span.region, span.offset));
  const made = new Set(makersOf(table, values));
  const fixed = writeValues({ ...span, traits: made }, table, values, (row) => {
    return isFixed(row) || row.makes !== undefined;
  });
  const known = traitsNow();
  writeValues({ ...span, traits: known }, table, values, ({ when, moved }) => {
    return when !== undefined && known.has(when) && moved === undefined;
  });
  const traits = traitsNow();
  const others = writeValues({ ...span, traits }, table, values, (row) => !isFixed(row));
  return { traits, end: Math.max(fixed, others) };
}

/** The bytes that a description gives. @throws PciError for what is no list of bytes, or too long for `room` */
function contentOf(name: string, bytes: ArrayLike<number>, room: number): number[] {
  if (typeof bytes !== "object" || bytes === null || !Number.isSafeInteger(bytes.length)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `bytes of ${name} must be a list, not ${formatValue(bytes)}`, {
      hint: "give an array of numbers from 0 to 255, or a Uint8Array",
    });
  }
  if (bytes.length > room) throw tooLong(name, bytes.length, room);
  return Array.from(bytes, (byte, at) => checkInteger(`byte ${at} of ${name}`, byte, 0, 0xff));
}

/** Sets the fields that tell how often the registers of lists are there, but for those that tell it already. */
function setCounts(
  region: Region,
  start: number,
  name: string,
  spec: CapabilitySpec | undefined,
  lists: AnyListValues,
): void {
  for (const [list, count] of Object.entries(spec?.counts ?? {})) {
    if (count !== undefined) setCount(region, start, `${list} of ${name}`, count, lists[list]?.length ?? 0);
  }
}

function setCount(region: Region, start: number, what: string, count: ListCount, turns: number): void {
  const raw = withCount(what, count, rawAt(region, start, count), turns);
  writeRegister(region, count.width, start + count.offset, raw);
}

/** Whole dwords up to the end of the registers that a capability's traits bring, where it has traits. */
function knownLength({ registers, lists }: CapabilitySpec, traits: Traits): number {
  if (traits.size === 0) return 0;
  const span = { region: bytesRegion(new Uint8Array()), offset: 0, length: 0, traits, name: "" };
  let end = 0;
  const measure = (table: RegisterTable, first: number): void => {
    for (const spec of Object.values(table)) {
      const place = placeOf(span, spec);
      if (place !== undefined) end = Math.max(end, first + place + spec.width / 8);
    }
  };
  measure(registers, 0);
  for (const { registers, starts } of Object.values(lists)) {
    for (const start of starts(span)) measure(registers, start);
  }
  return Math.ceil(end / 4) * 4;
}

function identify(
  kind: CapabilityKind,
  { name, id }: AnyCapabilityToBuild,
): { name: string; spec: CapabilitySpec | undefined; id: number } {
  const spec = name !== undefined && Object.hasOwn(tables[kind], name) ? tables[kind][name] : undefined;
  if (name !== undefined && spec !== undefined) return { name, spec, id: spec.id };
  if (id === undefined || name !== undefined) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `there is no ${kind} capability ${name ?? "without a name or an id"}`,
      {
        hint: `give an id, or one of ${Object.keys(tables[kind]).join(", ")}`,
      },
    );
  }
  checkInteger("id", id, 0, idLimits[kind]);
  const known = Object.entries(tables[kind]).find(([, row]) => row.id === id);
  return known ? { name: known[0], spec: known[1], id } : { name: `id ${id}`, spec: undefined, id };
}

function writeIdentity(region: Region, kind: CapabilityKind, id: number, version: number): void {
  checkInteger("version", version, 0, 15);
  if (kind === "standard") region.write8(HEADER_SIZE, id);
  else region.write32(STANDARD_SIZE, id | (version << extendedHeader.fields.version.lo));
}

/** The length that decoding will find, or what is needed where nothing tells it. */
function lengthOf(
  kind: CapabilityKind,
  name: string,
  spec: CapabilitySpec | undefined,
  region: Region,
  needed: number,
): number {
  const { start, end } = areas[kind];
  const place = { kind, id: spec?.id ?? 0, version: 0, offset: start };
  const { claimed = needed, impossible } = openCapability(region, place, name, spec, end);
  if (impossible) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `${name} would say that it has ${claimed} bytes, which cannot be`,
      { hint: `leave its length to the builder, or set it to ${spec?.minimum} or more` },
    );
  }
  if (Math.max(claimed, needed) > end - start) throw tooLong(name, Math.max(claimed, needed), end - start);
  if (spec?.length === undefined) return Math.max(needed, claimed);
  if (needed > claimed) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `${name} has ${claimed} bytes by its registers, but ${needed} were given`,
      {
        hint: "leave out `length`, or give less `bytes`",
      },
    );
  }
  return claimed;
}

function tooLong(name: string, length: number, room: number): PciError {
  return new PciError("ERR_OUT_OF_RANGE", `${name} has ${length} bytes; its area has ${room}`, {
    hint: `give less \`bytes\`, or a \`length\` and counts of lists that need no more than ${room}`,
  });
}
