import type { Region } from "@userpci/interface";
import { readBytes } from "./bytes.ts";
import type { ListCount } from "./list-count.ts";
import type { RegisterTable } from "./table.ts";
import {
  defineLists,
  defineRegisters,
  type Lists,
  type ListTable,
  RegisterSet,
  type Registers,
  type Span,
  type Traits,
} from "./view.ts";

/** `standard` capabilities live in bytes 64 to 255, `extended` ones from 256 on. */
export type CapabilityKind = "standard" | "extended";

/** Bytes of a capability at `offset` of a region, by its own registers and traits. */
export type LengthRule = (region: Region, offset: number, traits: Traits) => number;

/** What is known of a capability id: a row of {@link standardCapabilities} or {@link extendedCapabilities}. */
export interface CapabilitySpec<R extends RegisterTable = RegisterTable, L extends ListTable = ListTable> {
  readonly id: number;
  /** Name in the specification. */
  readonly title: string;
  /** Bytes that it occupies: fixed, or by its own registers and traits. Undefined where only the header is known. */
  readonly length?: number | LengthRule;
  /** Bytes that `traits` and `length` read; both are skipped if fewer are left. Default 4. */
  readonly head?: number;
  /** Least length in bytes that can be true, where a register of its own tells the length. */
  readonly minimum?: number;
  /** Names of what it has, for the `when` and `moved` of its registers. */
  readonly traits?: (region: Region, offset: number) => Iterable<string>;
  readonly registers: R;
  /** Registers that it has as often as its content says. */
  readonly lists: L;
  /** The fields that say how often, for those of the lists whose number is in one. */
  readonly counts?: { readonly [K in keyof L]?: ListCount };
}

/** Fills in what a row of the capability tables leaves out. */
export function capability<
  R extends RegisterTable = Record<never, never>,
  L extends ListTable = Record<never, never>,
>(
  row: Omit<CapabilitySpec<R, L>, "registers" | "lists"> & {
    readonly registers?: R;
    readonly lists?: L;
  },
): CapabilitySpec<R, L> {
  return { ...row, registers: row.registers ?? ({} as R), lists: row.lists ?? ({} as L) };
}

/** Where a capability was found, and what it said of itself. */
export interface CapabilityPlace {
  readonly kind: CapabilityKind;
  readonly id: number;
  /** Version of an extended capability; 0 for standard ones. */
  readonly version: number;
  /** Byte of the config space at which it starts. */
  readonly offset: number;
}

const noTraits: Traits = new Set();

/** What every capability has. The registers of those that are decoded are properties of it, see {@link Registers}. */
export class CapabilityBase<Name extends string = string> extends RegisterSet {
  // Declared, and made by the constructor: a field of a class is defined apart, which takes longer than all the rest.
  declare readonly kind: CapabilityKind;
  /** Capability id as read. */
  declare readonly id: number;
  /** Short name, such as `msix`; `unknown` for an id that no table of ours has. */
  declare readonly name: Name;
  /** Name in the specification. */
  declare readonly title: string;
  declare readonly version: number;
  declare readonly offset: number;
  /** Bytes that it occupies, by the rules of row R7, cut at the end of its area. */
  declare readonly length: number;

  constructor(place: CapabilityPlace, name: Name, title: string, span: Span) {
    super(span);
    this.kind = place.kind;
    this.id = place.id;
    this.name = name;
    this.title = title;
    this.version = place.version;
    this.offset = span.offset;
    this.length = span.length;
  }

  /** Reads the bytes that it occupies. */
  bytes(): Uint8Array<ArrayBuffer> {
    return readBytes(RegisterSet.spanOf(this).region, this.offset, this.length);
  }
}

/** A capability and its registers. */
export type CapabilityView<
  Name extends string,
  R extends RegisterTable,
  L extends ListTable = Record<never, never>,
> = CapabilityBase<Name> & Registers<R> & Lists<L>;

type CapabilityClass = new (
  place: CapabilityPlace,
  name: string,
  title: string,
  span: Span,
) => CapabilityBase;

const classes = new WeakMap<CapabilitySpec, CapabilityClass>();

function classOf(spec: CapabilitySpec): CapabilityClass {
  let Made = classes.get(spec);
  if (!Made) {
    Made = class extends CapabilityBase {};
    defineRegisters(Made.prototype, withoutOwn(spec.registers));
    defineLists(Made.prototype, spec.lists);
    classes.set(spec, Made);
  }
  return Made;
}

/** Names that every capability has itself, so that a register of that name is found in descriptions only. */
const ownNames = ["kind", "id", "name", "title", "version", "offset", "length"];

function withoutOwn(table: RegisterTable): RegisterTable {
  return Object.fromEntries(Object.entries(table).filter(([name]) => !ownNames.includes(name)));
}

/** A capability, and what is wrong with its length. */
export interface OpenedCapability {
  readonly capability: CapabilityBase;
  /** Its own idea of its length in bytes, or undefined if the end of its area cuts off even its head. */
  readonly claimed: number | undefined;
  /** Whether `claimed` cannot be true. */
  readonly impossible: boolean;
}

/** Bytes of a capability whose length is unknown or cannot be true (row R7). */
export const UNKNOWN_LENGTH = 4;

/**
 * Makes the object for a capability.
 *
 * @param spec its row, or undefined for an unknown id
 * @param end first byte that does not belong to its area: 256, 4096 or less
 */
export function openCapability(
  region: Region,
  place: CapabilityPlace,
  name: string,
  spec: CapabilitySpec | undefined,
  end: number,
): OpenedCapability {
  const { offset } = place;
  const room = end - offset;
  if (!spec) {
    const span = { region, offset, length: UNKNOWN_LENGTH, traits: noTraits, name };
    const capability = new CapabilityBase(place, name, "Unknown", span);
    return { capability, claimed: UNKNOWN_LENGTH, impossible: false };
  }
  const whole = room >= (spec.head ?? 4);
  const traits = whole && spec.traits ? new Set(spec.traits(region, offset)) : noTraits;
  const claimed = whole ? lengthOf(spec, region, offset, traits) : undefined;
  const impossible = claimed !== undefined && claimed < (spec.minimum ?? 0);
  const length = impossible ? UNKNOWN_LENGTH : Math.min(claimed ?? room, room);
  const span = { region, offset, length, traits, name };
  return { capability: new (classOf(spec))(place, name, spec.title, span), claimed, impossible };
}

function lengthOf(spec: CapabilitySpec, region: Region, offset: number, traits: Traits): number {
  const { length = UNKNOWN_LENGTH } = spec;
  return typeof length === "number" ? length : length(region, offset, traits);
}
