import { type DropIn, dropIns } from "./drop-in.ts";
import { exitStatus } from "./exit-status.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Runs `userpci` with a command line.
 *
 * @param argv arguments without interpreter and script
 * @returns exit status: 0 for success, 1 for failure, 2 for a wrong command line, a value on it that means nothing, and the failure of a command that
 * answers with 1. Never rejects.
 */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [command, ...rest] = argv;
  const dropIn = dropInOf(command);
  if (dropIn !== undefined) return runDropIn(dropIn, rest, terminal);
  const { runProgram } = await import("./program.ts");
  return runProgram(command === "help" ? helpWords(rest) : argv, terminal);
}

const dropInOf = (command: string | undefined): DropIn | undefined =>
  dropIns.find(({ name }) => name === command);

/** The help command knows one word, and a command of a family has two; what follows a drop-in is not ours. */
function helpWords(words: readonly string[]): readonly string[] {
  const isOne = words.length < 2 || dropInOf(words[0]) !== undefined;
  return isOne ? ["help", ...words.slice(0, 1)] : [...words, "--help"];
}

/** Runs a command that has its own ideas of arguments and words. */
async function runDropIn({ load }: DropIn, argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await (await load()).runDropIn(argv, terminal);
  } catch (thrown) {
    const { reportFailure } = await import("./failure.ts");
    reportFailure(thrown, terminal, "text");
    return exitStatus.failed;
  }
}
