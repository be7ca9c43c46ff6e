import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import type { Grammar } from "./grammar.ts";
import type { Shell } from "./script.ts";
import { zshCompletion } from "./zsh.ts";

const makers: Readonly<Record<Shell, (grammar: Grammar) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** The script that lets a shell complete the command lines of a grammar. */
export function completionScript(shell: Shell, grammar: Grammar): string {
  return makers[shell](grammar);
}
