/**
 * What is known of each error that a user can meet: causes, evidence, and what mends it. `docs/errors.md` and `userpci explain` are made
 * of it. It is an entry of its own, because no program needs it to run.
 *
 * @packageDocumentation
 */
import { type ErrorCode, errorCodes } from "../errors.ts";
import { accessNotes } from "./access.ts";
import { bindingNotes } from "./binding.ts";
import { memoryNotes } from "./memory.ts";
import type { ErrorNotes } from "./notes.ts";
import { systemNotes } from "./system.ts";
import { testbedNotes } from "./testbed.ts";
import { toolNotes } from "./tools.ts";

export type { ErrorNotes } from "./notes.ts";

/** Where errors of a kind come from, and what they are called in the documentation. */
export const errorKinds = {
  binding: "Finding functions, and giving them to user space",
  access: "Registers, interrupts, and what is open",
  memory: "Memory that a device may touch",
  tools: "The command, the addon, and other processes",
  system: "System errors, as VFIO returns them",
  testbed: "The test bed",
} as const;

/** One of {@link errorKinds}. */
export type ErrorKind = keyof typeof errorKinds;

/** An error and all that is known of it. */
export interface ErrorEntry extends ErrorNotes {
  /** `ERR_` and a name, or the name of a system error. */
  readonly code: string;
  readonly kind: ErrorKind;
  /** What the code says: one line. */
  readonly meaning: string;
}

/** Every code of {@link errorCodes}: one without notes would not compile. */
const ours: Readonly<Record<ErrorCode, ErrorNotes>> = {
  ...bindingNotes,
  ...accessNotes,
  ...memoryNotes,
  ...toolNotes,
};

const kinds: readonly (readonly [ErrorKind, object])[] = [
  ["binding", bindingNotes],
  ["access", accessNotes],
  ["memory", memoryNotes],
  ["tools", toolNotes],
];

function kindOf(code: string): ErrorKind {
  return kinds.find(([, notes]) => Object.hasOwn(notes, code))![0];
}

/** Every error, by kind. */
export const errorCatalogue: readonly ErrorEntry[] = [
  ...Object.entries(ours).map(([code, notes]) => ({
    code,
    kind: kindOf(code),
    meaning: errorCodes[code as ErrorCode],
    ...notes,
  })),
  ...Object.entries(systemNotes).map(([code, notes]) => ({ code, kind: "system" as const, ...notes })),
  ...Object.entries(testbedNotes).map(([code, notes]) => ({ code, kind: "testbed" as const, ...notes })),
];

/**
 * What is known of an error.
 *
 * @param code in any case, with or without its `ERR_`
 */
export function findError(code: string): ErrorEntry | undefined {
  const wanted = code.toUpperCase();
  return errorCatalogue.find((entry) => entry.code === wanted || entry.code === `ERR_${wanted}`);
}
