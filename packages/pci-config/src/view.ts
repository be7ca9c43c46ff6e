import { PciError, type Region } from "@userpci/interface";
import { type Register, readRegister, registerClass, writeRegister } from "./register.ts";
import {
  type FieldsSpec,
  isWritable,
  type RegisterPlace,
  type RegisterSpec,
  type RegisterTable,
  type ValueSpec,
  type WritableAccess,
} from "./table.ts";

/** `T`, or also undefined where the register depends on a trait. */
export type Maybe<S extends RegisterSpec, T> = S["when"] extends undefined ? T : T | undefined;

/** Names of the registers that cannot be assigned. */
export type ReadonlyKeys<T extends RegisterTable> = {
  [K in keyof T]: T[K] extends ValueSpec<infer A> ? ([A] extends [WritableAccess] ? never : K) : K;
}[keyof T];

/** What a register is as a property. */
export type RegisterValue<S extends RegisterSpec> = S extends FieldsSpec
  ? Maybe<S, Register<S>>
  : Maybe<S, number>;

/**
 * The registers of a table as properties. One made of fields is a {@link Register}; any other is a number, and may be
 * assigned where it can be written. A register that depends on a trait is undefined where the trait is missing.
 */
export type Registers<T extends RegisterTable> = {
  readonly [K in ReadonlyKeys<T>]: RegisterValue<T[K]>;
} & {
  [K in Exclude<keyof T, ReadonlyKeys<T>>]: RegisterValue<T[K]>;
};

/** What a capability has, that decides which of its registers are there. */
export type Traits = ReadonlySet<string>;

/** The span that a view decodes. */
export interface Span {
  readonly region: Region;
  /** First byte. */
  readonly offset: number;
  /** Bytes that belong to it; registers beyond are not read. */
  readonly length: number;
  readonly traits: Traits;
  /** For messages. */
  readonly name: string;
  /** The capability, where this is a turn of one of its lists. */
  readonly within?: Span;
}

/** A header or capability over a region. Its subclasses have a property for each row of a register table. */
export class RegisterSet {
  readonly #span: Span;

  constructor(span: Span) {
    this.#span = span;
  }

  /** The span of a set. */
  static spanOf(set: RegisterSet): Span {
    return set.#span;
  }
}

/** What of a row tells where its register lies. */
export interface Placement extends Pick<RegisterPlace, "offset" | "width" | "when"> {
  readonly moved?: RegisterPlace["moved"] | undefined;
}

/** Where a register lies in its region, or undefined if its trait is missing. */
export function placeOf(span: Span, spec: Placement): number | undefined {
  if (spec.when !== undefined && !span.traits.has(spec.when)) return undefined;
  const moved = spec.moved && span.traits.has(spec.moved.when) ? spec.moved.by : 0;
  return span.offset + spec.offset + moved;
}

/** Whether the span is long enough for a register at `place`. */
export function isInside(span: Span, spec: Placement, place: number): boolean {
  return place + spec.width / 8 <= span.offset + span.length;
}

function require(span: Span, spec: RegisterSpec, place: number): number {
  if (isInside(span, spec, place)) return place;
  throw new PciError(
    "ERR_CAPABILITY",
    `${span.name} at 0x${span.offset.toString(16)} has ${span.length} bytes, too short for its ${spec.title}`,
    {
      hint: cutOffHint(span, place + spec.width / 8),
    },
  );
}

function cutOffHint({ offset, length, within }: Span, end: number): string {
  if (within === undefined)
    return `it is cut off, by the end of the space or by its own length: use the register where \`length\` is at least ${end - offset}`;
  if (offset + length < within.offset + within.length)
    return `it tells itself that it has ${length} bytes: use only the registers that lie in them`;
  return `it is cut off, as ${within.name} ends with it: use the register where \`length\` of ${within.name} is at least ${end - within.offset}`;
}

function getterOf(name: string, spec: RegisterSpec): (span: Span, place: number) => unknown {
  if (spec.kind === "value") return ({ region }, place) => readRegister(region, spec.width, place);
  const Made = registerClass(spec, name);
  return ({ region }, place) => new Made(region, place);
}

/** Defines a property for each row of `table` on the prototype of a {@link RegisterSet}. */
export function defineRegisters(prototype: RegisterSet, table: RegisterTable): void {
  for (const [name, spec] of Object.entries(table)) {
    const get = getterOf(name, spec);
    Object.defineProperty(prototype, name, {
      enumerable: true,
      get(this: RegisterSet) {
        const span = RegisterSet.spanOf(this);
        const place = placeOf(span, spec);
        return place === undefined ? undefined : get(span, require(span, spec, place));
      },
      ...(spec.kind === "value" && isWritable(spec.access) && { set: setterOf(spec) }),
    });
  }
}

/** Registers that a capability has as often as it says itself, and where it says: entries, streams, blocks. */
export interface ListSpec<T extends RegisterTable = RegisterTable> {
  readonly registers: T;
  /**
   * Bytes from the start of the capability at which each turn starts, in rising order; those behind the end of the span are not
   * asked for. Must not read outside the span.
   */
  readonly starts: (span: Span) => Iterable<number>;
  /** Length and traits of one turn, where its own content tells them. Must not read outside the span, which ends with the capability. */
  readonly narrow?: (span: Span) => Pick<Span, "length" | "traits">;
}

/** The lists of a capability, by name. */
export type ListTable = Readonly<Record<string, ListSpec>>;

/** The lists of a table as properties: arrays of register sets. */
export type Lists<L extends ListTable> = {
  readonly [K in keyof L]: readonly (RegisterSet & Registers<L[K]["registers"]>)[];
};

/** Makes a row of a {@link ListTable}. */
export function list<T extends RegisterTable>(
  registers: T,
  starts: ListSpec["starts"],
  narrow?: ListSpec["narrow"],
): ListSpec<T> {
  return { registers, starts, ...(narrow && { narrow }) };
}

/** The spans of the turns of a list, of those that start inside `span`. */
export function* turnsOf(span: Span, { starts, narrow }: ListSpec, name: string): Generator<Span> {
  const { region, offset, length, traits } = span;
  for (const start of starts(span)) {
    if (start >= length) return;
    const turn = { region, offset: offset + start, length: length - start, traits, name, within: span };
    yield narrow ? { ...turn, ...narrow(turn) } : turn;
  }
}

/** Defines a property for each list of `table` on the prototype of a {@link RegisterSet}: a fresh array at each access. */
export function defineLists(prototype: RegisterSet, table: ListTable): void {
  for (const [name, spec] of Object.entries(table)) {
    const Made = registerSetClass(spec.registers);
    Object.defineProperty(prototype, name, {
      enumerable: true,
      get(this: RegisterSet) {
        const span = RegisterSet.spanOf(this);
        return Array.from(turnsOf(span, spec, `${span.name}.${name}`), (turn) => new Made(turn));
      },
    });
  }
}

function setterOf(spec: ValueSpec): (this: RegisterSet, value: number) => void {
  return function (value) {
    const span = RegisterSet.spanOf(this);
    const place = placeOf(span, spec);
    if (place === undefined) {
      throw new PciError("ERR_NOT_SUPPORTED", `${span.name} of this function has no ${spec.title}`, {
        hint: "read the register first, and leave it alone where it is undefined",
      });
    }
    writeRegister(span.region, spec.width, require(span, spec, place), value);
  };
}

/** A class with the registers of a table as properties. */
export type RegisterSetClass<T extends RegisterTable> = new (span: Span) => RegisterSet & Registers<T>;

/** Makes a class of a register table. */
export function registerSetClass<T extends RegisterTable>(table: T): RegisterSetClass<T> {
  class Made extends RegisterSet {}
  defineRegisters(Made.prototype, table);
  // The properties were made from the very table that the type is derived from.
  return Made as unknown as RegisterSetClass<T>;
}
