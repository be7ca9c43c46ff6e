import { type Grammar, type GrammarCommand, membersOf, type Value } from "./grammar.ts";
import { readScript } from "./script.ts";

/** The completion for bash 4.2 or later. */
export function bashCompletion({ commands, families, options }: Grammar): string {
  const first = [...new Set([...commands.map(({ words }) => words[0]!), "help"])];
  const branches = [
    branch("", { next: first, options: options.flatMap(({ flags }) => flags) }),
    branch("help", { next: first }),
    ...Object.keys(families).map((family) =>
      branch(family, { next: membersOf(commands, family).map(({ words }) => words[1]!) }),
    ),
    ...commands.map(commandBranch),
  ];
  return readScript("bash").replace("@BRANCHES@", () => branches.join("\n"));
}

/** What follows a command, as words of bash. */
interface Following {
  readonly next?: readonly string[];
  readonly options?: readonly string[];
  /** Options that take a value, with what it is. */
  readonly valued?: readonly string[];
  readonly operands?: readonly string[];
  readonly goesOn?: boolean;
}

function commandBranch(command: GrammarCommand): string {
  return branch(command.words.join(" "), {
    options: command.options.flatMap(({ flags }) => flags),
    valued: command.options.flatMap(({ flags, value }) =>
      value === undefined ? [] : flags.map((flag) => `${flag}=${valueText(value)}`),
    ),
    operands: command.arguments.map(valueText),
    goesOn: command.goesOn,
  });
}

/** A value as one word: its kind, and behind a colon the words that it often is. */
function valueText({ kind, words }: Value): string {
  return [kind, ...(words.length > 0 ? [words.join(",")] : [])].join(":");
}

function branch(command: string, { goesOn, ...lists }: Following): string {
  const texts = Object.entries(lists)
    .filter(([, words]) => words.length > 0)
    .map(([name, words]) => `${name}='${words.join(" ")}'`);
  return `    '${command}') ${[...texts, ...(goesOn ? ["goes_on=1"] : []), ";;"].join(" ")}`;
}
