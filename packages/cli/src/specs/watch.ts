import type { CommandSpec } from "../command.ts";

/** Commands that watch what happens. */
export const watching: readonly CommandSpec[] = [];
