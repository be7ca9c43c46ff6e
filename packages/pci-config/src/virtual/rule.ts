import type { Region } from "@userpci/interface";
import type { LengthRule } from "../capability.ts";
import type { Width } from "../table.ts";
import type { Traits } from "../view.ts";

/**
 * What a user may do with some bits of a register (row R8). A write touches hardware only where it is writable and not
 * virtual.
 */
export interface PermissionRule {
  /** Bytes from the start of the header or capability. */
  readonly offset: number;
  /** Bits of the register. */
  readonly width: Width;
  /** The bits of the register that the rule is about. */
  readonly bits: number;
  /** Whether the bits are kept for the user and the device's own are not shown. */
  readonly virtual: boolean;
  /** Whether a write changes them: the kept ones if virtual, else the device's. */
  readonly writable: boolean;
  /** Why. */
  readonly reason: string;
  /** What the provider does for the user where the bits themselves do not reach the device. */
  readonly mediated?: string;
  /** What virtual bits are at the start; what the device has, if undefined. */
  readonly initial?: number;
  /** Trait of the capability or the device without which the rule does not hold. */
  readonly when?: string;
  /** Trait with which it does not hold. */
  readonly unless?: string;
}

/** What a rule may add. */
export type RuleOptions = Pick<PermissionRule, "mediated" | "initial" | "when" | "unless">;

/** The four kinds of access: what is read, and what a write does. */
export type RuleAccess =
  | "device, read-only"
  | "device, writable"
  | "virtual, read-only"
  | "virtual, writable";

/** A row of a permission table. */
export function rule(
  offset: number,
  width: Width,
  bits: number,
  access: RuleAccess,
  reason: string,
  options: RuleOptions = {},
): PermissionRule {
  const virtual = access.startsWith("virtual");
  return { offset, width, bits, virtual, writable: access.endsWith("writable"), reason, ...options };
}

/** All bits of a register. */
export const ALL8 = 0xff;
/** All bits of a register of 16 bits. */
export const ALL16 = 0xffff;
/** All bits of a register of 32 bits. */
export const ALL32 = 0xffff_ffff;

/** Names of what a provider does beside storing bits; see `mediations`. */
export type MediationName = "command" | "power" | "vpd" | "pcie" | "reset" | "msi";

/** How the bits of a structure are treated that no rule names. */
export interface DefaultRule {
  readonly virtual: boolean;
  readonly writable: boolean;
  readonly reason: string;
}

/** The permissions of the header or of one capability. */
export interface StructureRules {
  /** Short name, as the capability tables have it. */
  readonly name: string;
  /** Bytes that it occupies; 0 hides it. */
  readonly length: number | LengthRule;
  /** Names of what it has, for the `when` and `unless` of its rules. */
  readonly traits?: (region: Region, offset: number) => Iterable<string>;
  readonly rules: readonly PermissionRule[];
  readonly others: DefaultRule;
  /** What is done beside storing bits when a write touches it. */
  readonly mediation?: MediationName;
}

/** Structures by capability id. */
export type StructureTable = Readonly<Record<number, StructureRules>>;

/** A complete set of permission tables. */
export interface Profile {
  readonly name: string;
  readonly title: string;
  readonly header: StructureRules;
  readonly standard: StructureTable;
  readonly extended: StructureTable;
  /** What a capability is whose id has no row: undefined hides it from the user. */
  readonly unlisted: StructureRules | undefined;
  /** Bytes that nobody owns, by the half of the space they are in. */
  readonly unowned: DefaultRule;
  /** Whether the user gets the extended capabilities. */
  readonly showsExtended: (region: Region, standardIds: ReadonlySet<number>) => boolean;
}

/** Whether a rule holds for what has these traits. */
export function holds({ when, unless }: PermissionRule, traits: Traits): boolean {
  return (when === undefined || traits.has(when)) && (unless === undefined || !traits.has(unless));
}
