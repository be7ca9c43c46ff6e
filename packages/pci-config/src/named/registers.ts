import { PciError } from "@userpci/interface";
import type { CapabilityBase, CapabilityKind, CapabilitySpec } from "../capability.ts";
import type { ConfigSpace } from "../config.ts";
import { extendedCapabilities } from "../extended.ts";
import { commonHeader } from "../header.ts";
import { headerLayouts, headerLength } from "../header-layout.ts";
import { standardCapabilities } from "../standard.ts";
import { endOf, type FieldSpec, type RegisterSpec, type RegisterTable, type Width } from "../table.ts";
import { isInside, placeOf, RegisterSet, type Span, turnsOf } from "../view.ts";

/** A register that a function has, by the name that the tables have for it. */
export interface ConfigRegister {
  /** `command`, `pm.control`, `vendor[1].length`, `virtualChannel.channels[0].control`. */
  readonly name: string;
  /** `header`, or the capability's name. */
  readonly owner: string;
  /** Byte of the config space. */
  readonly offset: number;
  readonly width: Width;
  /** Its row of the table. */
  readonly spec: RegisterSpec;
}

/** A register, or one field of it. */
export interface NamedPlace {
  /** As it was found: `command.busMaster`. */
  readonly name: string;
  readonly register: ConfigRegister;
  /** Undefined for the whole register. */
  readonly field?: FieldSpec;
}

const tables: Readonly<Record<CapabilityKind, Readonly<Record<string, CapabilitySpec>>>> = {
  standard: standardCapabilities,
  extended: extendedCapabilities,
};

/**
 * The registers that a function has, by name, in the order of the header and its capabilities. Reads what tells which those are, and none of the
 * others.
 *
 * @throws PciError what the region throws
 */
export function configRegisters(config: ConfigSpace): readonly ConfigRegister[] {
  const { layout, region } = config;
  const header = { ...RegisterSet.spanOf(config), length: headerLength(region) };
  const own = layout ? headerLayouts[layout].registers : {};
  const found = inSpan("", "header", header, { ...commonHeader, ...own });
  const turns = new Map<string, number>();
  for (const capability of [...config.capabilities(), ...config.extendedCapabilities()]) {
    const { kind, name } = capability;
    const spec = tables[kind][name];
    if (spec === undefined) continue;
    const turn = turns.get(name) ?? 0;
    turns.set(name, turn + 1);
    found.push(...ofCapability(turn === 0 ? name : `${name}[${turn}]`, capability, spec));
  }
  return found;
}

function ofCapability(prefix: string, capability: CapabilityBase, spec: CapabilitySpec): ConfigRegister[] {
  const span = RegisterSet.spanOf(capability);
  const found = inSpan(`${prefix}.`, capability.name, span, spec.registers);
  for (const [list, each] of Object.entries(spec.lists)) {
    let turn = 0;
    for (const part of turnsOf(span, each, list)) {
      found.push(...inSpan(`${prefix}.${list}[${turn}].`, capability.name, part, each.registers));
      turn += 1;
    }
  }
  return found;
}

function inSpan(prefix: string, owner: string, span: Span, table: RegisterTable): ConfigRegister[] {
  return Object.entries(table).flatMap(([name, spec]) => {
    const offset = placeOf(span, spec);
    if (offset === undefined || !isInside(span, spec, offset)) return [];
    return [{ name: `${prefix}${name}`, owner, offset, width: spec.width, spec }];
  });
}

/**
 * The register or field of a name; a header's may have `header.` before it.
 *
 * @returns undefined where the text is no name of the tables at all: it may be one in setpci's syntax
 * @throws PciError `ERR_NOT_SUPPORTED` for a register of the tables that the function has not, `ERR_INVALID_ARGUMENT` for a field that the register
 * has not
 */
export function findNamed(registers: readonly ConfigRegister[], text: string): NamedPlace | undefined {
  const name = text.startsWith("header.") ? text.slice("header.".length) : text;
  const whole = registers.find((register) => register.name === name);
  if (whole !== undefined) return { name, register: whole };
  const dot = name.lastIndexOf(".");
  const register = registers.find((each) => each.name === name.slice(0, Math.max(dot, 0)));
  if (register !== undefined) return fieldOf(register, name.slice(dot + 1));
  const [first = ""] = name.split(/[.[]/);
  if (!isKnown(first)) return undefined;
  throw new PciError("ERR_NOT_SUPPORTED", `the function has no register ${name}`, {
    hint: hintFor(registers, first),
  });
}

/** Widths of setpci's syntax, which follow a dot too. */
const isWidth = (text: string): boolean => /^[bwl]$/i.test(text);

function fieldOf(register: ConfigRegister, field: string): NamedPlace | undefined {
  const { name, spec } = register;
  const fields = spec.kind === "fields" ? spec.fields : {};
  if (Object.hasOwn(fields, field)) return { name: `${name}.${field}`, register, field: fields[field]! };
  if (isWidth(field)) return undefined;
  const names = Object.keys(fields).join(", ");
  throw new PciError("ERR_INVALID_ARGUMENT", `${name} has no field ${JSON.stringify(field)}`, {
    hint: names === "" ? `it is one number: ${name}` : `its fields are ${names}`,
  });
}

/** Whether a capability of the tables, or a header's register, has a name. */
function isKnown(name: string): boolean {
  const headers = Object.values(headerLayouts).map(({ registers }) => registers);
  return [...headers, ...Object.values(tables)].some((table) => Object.hasOwn(table, name));
}

function hintFor(registers: readonly ConfigRegister[], first: string): string {
  const near = registers.filter(({ name }) => name.startsWith(`${first}.`)).map(({ name }) => name);
  if (near.length > 0) return `it has ${near.slice(0, 12).join(", ")}`;
  return `it has registers of ${[...new Set(registers.map(({ owner }) => owner))].join(", ")}`;
}

/** The registers that bytes belong to. */
export function registersAt(
  registers: readonly ConfigRegister[],
  offset: number,
  bytes: number,
): readonly ConfigRegister[] {
  return registers.filter((register) => register.offset < offset + bytes && endOf(register) > offset);
}
