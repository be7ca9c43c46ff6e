import type { PciFunction } from "../function.ts";
import type { Evidence, Facts } from "./facts.ts";

/**
 * What a check found: `ok` as it should be; `note` worth knowing; `warning` works, but not as well or as safely as it could; `problem` in
 * the way of user-space drivers; `unknown` this user cannot see it.
 */
export type CheckStatus = "ok" | "note" | "warning" | "problem" | "unknown";

/** What a check says. */
export interface Verdict {
  readonly status: CheckStatus;
  /** One line. */
  readonly says: string;
  /** The files that it was read from. */
  readonly evidence: readonly Evidence[];
  /** What mends it, or shows more: a command or step each, to be taken in this order. */
  readonly fix?: readonly string[];
}

/** What a diagnosis is about. */
export interface Question {
  readonly facts: Facts;
  /** Bytes that a driver will pin, if known. */
  readonly need: number | null;
  /** Whether it is about one function, and not the whole machine. */
  readonly asked: boolean;
}

/** A check: what it is called, and what may explain it. */
export interface CheckName {
  /** Name, such as `command-line`. */
  readonly id: string;
  /** What it looks at, in a few words. */
  readonly title: string;
  /** Checks whose problem explains one here: that is then a consequence, and no cause. */
  readonly after: readonly string[];
}

/** Looks at one thing of the machine. */
export interface MachineCheck extends CheckName {
  readonly look: (question: Question) => Verdict | Promise<Verdict>;
}

/** Looks at one thing of a function. */
export interface FunctionCheck extends CheckName {
  readonly look: (fn: PciFunction, question: Question) => Verdict | Promise<Verdict>;
}

/** Makes a verdict. */
export function verdict(
  status: CheckStatus,
  says: string,
  evidence: readonly Evidence[],
  fix: readonly string[] = [],
): Verdict {
  return fix.length > 0 ? { status, says, evidence, fix } : { status, says, evidence };
}
