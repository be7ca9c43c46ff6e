import { formatValue, PciError } from "@userpci/interface";
import type { CapabilityKind, CapabilitySpec } from "./capability.ts";
import { extendedCapabilities } from "./extended.ts";
import { standardCapabilities } from "./standard.ts";

const tables: Readonly<Record<CapabilityKind, Readonly<Record<string, CapabilitySpec>>>> = {
  standard: standardCapabilities,
  extended: extendedCapabilities,
};
const others = {
  standard: { kind: "extended", find: "findExtended" },
  extended: { kind: "standard", find: "find" },
} as const;

/**
 * The row of a capability's name.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` if no capability of the kind has it, with the names that are like it
 */
export function capabilityNamed(kind: CapabilityKind, name: string): CapabilitySpec {
  const table = tables[kind];
  if (typeof name === "string" && Object.hasOwn(table, name)) return table[name]!;
  throw new PciError("ERR_INVALID_ARGUMENT", `there is no ${kind} capability ${formatValue(name)}`, {
    hint: hintFor(kind, typeof name === "string" ? name : ""),
  });
}

function hintFor(kind: CapabilityKind, name: string): string {
  const other = others[kind];
  if (Object.hasOwn(tables[other.kind], name))
    return `it is an ${other.kind} one: use ${other.find}("${name}")`;
  const names = Object.keys(tables[kind]);
  const like = names.filter((known) => isLike(known.toLowerCase(), name.toLowerCase()));
  return `use one of ${(like.length > 0 ? like : names).join(", ")}`;
}

/** Letters at the beginning that make two names alike. */
const ALIKE = 3;

function isLike(known: string, given: string): boolean {
  return (
    given.length > 0 &&
    (known.includes(given) || given.includes(known) || known.startsWith(given.slice(0, ALIKE)))
  );
}
