import {
  type Grammar,
  type GrammarCommand,
  type GrammarOption,
  membersOf,
  type Value,
  type ValueKind,
} from "./grammar.ts";
import { readScript } from "./script.ts";

/** What fish offers for a value: words, or what a command prints in parentheses. Files are offered by an option of `complete`. */
const offers: Readonly<Record<ValueKind, string>> = {
  address: "(__userpci_addresses)",
  driver: "(__userpci_drivers)",
  user: "(__fish_complete_users)",
  directory: "(__fish_complete_directories)",
  command: "(__fish_complete_command)",
  file: "",
  source: "(__userpci_addresses)",
  other: "",
};

/** Kinds that files are offered for: what follows the name of a command is its own. */
const offersFiles: ReadonlySet<ValueKind> = new Set(["file", "source", "command"]);

/** The completion for fish 3.5 or later. */
export function fishCompletion({ commands, families, options }: Grammar): string {
  const first = commands.filter(({ words }) => words.length === 1);
  const lines = [
    ...first.map(({ words, about }) => line("__userpci_after", `-a ${words[0]}`, about)),
    ...Object.entries(families).map(([name, about]) => line("__userpci_after", `-a ${name}`, about)),
    line("__userpci_after", "-a help", "print help, also of a command"),
    ...options.map((option) => optionLine("__userpci_after", option)),
    ...Object.keys(families).flatMap((family) =>
      membersOf(commands, family).map(({ words, about }) =>
        line(`__userpci_in_family ${family}`, `-a ${words[1]}`, about),
      ),
    ),
    ...commands.flatMap(commandLines),
  ];
  return readScript("fish").replace("@COMMANDS@", () => lines.join("\n"));
}

function commandLines({ words, options, arguments: values }: GrammarCommand): string[] {
  const when = `__userpci_after ${words.join(" ")}`;
  return [
    ...options.map((option) => optionLine(when, option)),
    ...values
      .map((value) => line(when, offer(value)))
      .filter((text) => text.includes(" -a ") || text.includes(" -F")),
  ];
}

function optionLine(when: string, { flags, about, value }: GrammarOption): string {
  const spellings = flags.map((flag) =>
    flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  );
  return line(when, [...spellings, ...(value === undefined ? [] : ["-r", offer(value)])].join(" "), about);
}

/** Files beside words, or nothing but words. */
function offer({ kind, words }: Value): string {
  const listed = [...words, offers[kind]].filter((word) => word !== "").join(" ");
  return [offersFiles.has(kind) ? "-F" : "-f", ...(listed === "" ? [] : [`-a ${quoted(listed)}`])].join(" ");
}

function line(when: string, what: string, about?: string): string {
  const described = about === undefined ? "" : ` -d ${quoted(about)}`;
  return `complete -c userpci -n ${quoted(when)} ${what}${described}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
