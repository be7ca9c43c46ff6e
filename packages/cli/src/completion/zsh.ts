import {
  type Grammar,
  type GrammarCommand,
  type GrammarOption,
  membersOf,
  type Value,
  type ValueKind,
} from "./grammar.ts";
import { readScript } from "./script.ts";

/** What completes a value, by kind. */
const actions: Readonly<Record<ValueKind, string>> = {
  address: "_userpci_addresses",
  driver: "_userpci_drivers",
  user: "_users",
  file: "_files",
  source: "_userpci_sources",
  directory: "_files -/",
  command: "_normal",
  other: "",
};

/** The completion for zsh 5. */
export function zshCompletion({ commands, families, options }: Grammar): string {
  const single = commands.filter(({ words }) => words.length === 1);
  const first = [
    ...single.map(({ words, about }) => described(words[0]!, about)),
    ...Object.entries(families).map(([name, about]) => described(name, about)),
    described("help", "print help, also of a command"),
  ];
  const branches = [
    ...single.map((command) => `    ${command.words[0]}) ${argumentsOf(command)} ;;`),
    ...Object.keys(families).map((family) => familyBranch(family, membersOf(commands, family))),
  ];
  return readScript("zsh")
    .replace("@OPTIONS@", () => options.map(optionText).join(" "))
    .replace("@COMMANDS@", () => first.map((text) => `      ${text}`).join("\n"))
    .replace("@BRANCHES@", () => branches.join("\n"));
}

function familyBranch(family: string, members: readonly GrammarCommand[]): string {
  const names = members.map(({ words, about }) => described(words[1]!, about)).join(" ");
  return `    ${family})
      _arguments -C -s -A '-*' $options '1: :->command' '*:: :->rest' && return
      if [[ $state == command ]]; then
        names=(${names})
        _describe -t commands command names
        return
      fi
      case $words[1] in
${members.map((command) => `        ${command.words[1]}) ${argumentsOf(command)} ;;`).join("\n")}
      esac
      ;;`;
}

function argumentsOf({ options, arguments: values, goesOn }: GrammarCommand): string {
  const places = values.map((value, index) => {
    const isLast = index === values.length - 1;
    // What follows the name of a command is its own: `_normal` is to see no word before it.
    if (isLast && goesOn) return quoted(`${value.kind === "command" ? "*:::" : "*:"}${valueText(value)}`);
    return quoted(`${index + 1}:${valueText(value)}`);
  });
  return ["_arguments -s -S", ...options.map(optionText), ...places].join(" ");
}

function optionText({ flags, about, value, repeats }: GrammarOption): string {
  const rest = `[${about.replace(/[[\]\\]/g, "\\$&")}]${value === undefined ? "" : `:${valueText(value)}`}`;
  const takes = (flag: string) => (value === undefined ? "" : flag.startsWith("--") ? "=" : "+");
  if (flags.length === 1) return quoted(`${repeats ? "*" : ""}${flags[0]}${takes(flags[0]!)}${rest}`);
  // Spellings of one option exclude each other.
  const exclusion = quoted(repeats ? "*" : `(${flags.join(" ")})`);
  return `${exclusion}{${flags.map((flag) => flag + takes(flag)).join(",")}}${quoted(rest)}`;
}

function valueText({ label, kind, words }: Value): string {
  const name = label.replaceAll(":", "\\:");
  if (words.length === 0) return `${name}:${actions[kind]}`;
  const listed = words.join(" ");
  if (actions[kind] === "") return `${name}:(${listed})`;
  // The blank keeps away the arguments of `compadd`, which `_alternative` finds itself.
  return `${name}: _userpci_either ${name} "${listed}" ${actions[kind]}`;
}

function described(name: string, about: string): string {
  return quoted(`${name}:${about.replaceAll(":", "\\:")}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
