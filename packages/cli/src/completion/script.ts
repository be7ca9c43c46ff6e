import { readFileSync } from "node:fs";

/** Shells that commands are completed in. */
export const shells = ["bash", "zsh", "fish"] as const;

/** One of {@link shells}. */
export type Shell = (typeof shells)[number];

/** The part of a shell's completion that no command changes. A line `@…@` stands for what the commands bring. */
export function readScript(shell: Shell): string {
  return readFileSync(new URL(`../../data/completion/userpci.${shell}`, import.meta.url), "utf8");
}
