import type { ActiveTier } from "./natives.ts";
import type { RegionName } from "./regions.ts";

/** What the child is asked to do. */
export interface Order {
  /** Name of a tier. */
  readonly tier: string;
  readonly region: RegionName;
}

/** What happened with one pattern. */
export interface Observation {
  /** Name that the pattern's function had, in V8's own log too. */
  readonly function: string;
  /** As `Trap.describe` writes them. */
  readonly accesses: readonly string[];
  /** Names of the accessors that the pattern uses. */
  readonly accessors: readonly string[];
  /** What ran at the watched call: the pattern's function, then its accessors if they have code of their own. */
  readonly tiersBefore: readonly (ActiveTier | "none")[];
  /** The same after the call, for V8 may have thrown optimised code away during it. */
  readonly tiersAfter: readonly (ActiveTier | "none")[];
}

/** What the child answers: what it saw of each pattern, by name, or why this Node cannot run the tier. */
export type Report =
  | { readonly observations: Readonly<Record<string, Observation>>; readonly obstacle?: undefined }
  | { readonly obstacle: string };
