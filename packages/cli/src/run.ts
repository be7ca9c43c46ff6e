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
  const [command, ...rest] = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv;
  const dropIn = dropIns.find(({ name }) => name === command);
  if (dropIn !== undefined) return runDropIn(dropIn, rest, terminal);
  const { runProgram } = await import("./program.ts");
  // The help command knows one word, and a command of a family has two.
  return runProgram(argv[0] === "help" && argv.length > 2 ? [command!, ...rest] : argv, terminal);
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
