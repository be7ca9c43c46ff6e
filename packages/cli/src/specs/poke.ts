import type { CommandSpec } from "../command.ts";

/** Commands that reach into a function: configuration space, BARs, reset. */
export const poking: readonly CommandSpec[] = [];
