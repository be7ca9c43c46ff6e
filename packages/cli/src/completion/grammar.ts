import type { ArgumentSpec, CommandSpec, OptionSpec } from "../command.ts";
import { commands, families } from "../commands.ts";
import { dropIns } from "../drop-in.ts";
import { forms } from "../specs/common.ts";

/** What a word of the command line stands for, and so what a shell offers for it. */
export type ValueKind =
  | "address"
  | "file"
  /** An address or a file. */
  | "source"
  | "directory"
  | "driver"
  | "user"
  | "command"
  | "other";

/** A word of the command line that is not there to be typed as it is. */
export interface Value {
  /** As help calls it: `address`. */
  readonly label: string;
  readonly kind: ValueKind;
  /** Words that it often is; offered beside what the kind brings. */
  readonly words: readonly string[];
}

/** An option. */
export interface GrammarOption {
  /** Its spellings: `-F` and `--file`. */
  readonly flags: readonly string[];
  readonly about: string;
  readonly value?: Value;
  readonly repeats: boolean;
}

/** A command, or a stand-in for another program. */
export interface GrammarCommand {
  /** One word, or two for a command of a family. */
  readonly words: readonly string[];
  readonly about: string;
  readonly options: readonly GrammarOption[];
  readonly arguments: readonly Value[];
  /** Whether the last argument may come again and again. */
  readonly goesOn: boolean;
}

/** What can be typed after `userpci`. */
export interface Grammar {
  readonly commands: readonly GrammarCommand[];
  /** Words that begin commands of two words, and what those are about. */
  readonly families: Readonly<Record<string, string>>;
  /** What may stand before a command. */
  readonly options: readonly GrammarOption[];
}

/** Kinds by what help calls a value. What is not here is not completed. */
const kinds: Readonly<Record<string, ValueKind>> = {
  address: "address",
  directory: "directory",
  path: "file",
  file: "file",
  dump: "file",
  model: "file",
  module: "file",
  recording: "file",
  snapshot: "file",
  source: "source",
  before: "source",
  after: "source",
  command: "command",
};

/** Kinds by option, where help calls the values of several alike. */
const kindsOfOptions: Readonly<Record<string, ValueKind>> = {
  "--driver": "driver",
  "--user": "user",
  "--evaluate": "other",
};

const help: OptionSpec = { usage: "-h, --help", about: "print help" };
const version: OptionSpec = { usage: "--version", about: "print the version" };

/** The grammar of `userpci`, from the specs of its commands. */
export function grammarOf(
  specs: readonly CommandSpec[] = commands,
  about: Readonly<Record<string, string>> = families,
): Grammar {
  const standIns = dropIns.map(({ name, summary }) => ({
    words: [name],
    about: summary,
    options: [],
    arguments: [{ label: "argument", kind: "file" as const, words: [] }],
    goesOn: true,
  }));
  const used = new Set(
    specs.map(({ name }) => name.split(" ")).flatMap(([first, second]) => (second ? [first] : [])),
  );
  return {
    commands: [...specs.map(commandOf), ...standIns],
    families: Object.fromEntries(Object.entries(about).filter(([name]) => used.has(name))),
    options: [...forms, help, version].map(optionOf),
  };
}

function commandOf(spec: CommandSpec): GrammarCommand {
  return {
    words: spec.name.split(" "),
    about: spec.summary,
    options: [...spec.options, ...forms, help].map(optionOf),
    arguments: spec.arguments.map(argumentOf),
    goesOn: spec.arguments.at(-1)?.usage.includes("...") ?? false,
  };
}

function optionOf({ usage, about, words = [], repeats }: OptionSpec): GrammarOption {
  const [, spellings = "", , label] = /^([^<[]*?)( ?[<[]([^>\]]+)[>\]])?$/.exec(usage) ?? [];
  const flags = spellings.split(/,? +/).filter((word) => word.startsWith("-"));
  if (label === undefined) return { flags, about, repeats: repeats === true };
  const kind = kindsOfOptions[flags.at(-1) ?? ""];
  return { flags, about, repeats: repeats === true, value: toValue(label, words, kind) };
}

function argumentOf({ usage, words = [] }: ArgumentSpec): Value {
  return toValue(usage.slice(1, -1).replace("...", ""), words);
}

function toValue(label: string, words: readonly string[], kind = kinds[label] ?? "other"): Value {
  // `<one|many>` says itself what it may be.
  return { label, kind, words: label.includes("|") ? label.split("|") : words };
}

/** The commands of a family. */
export function membersOf(commands: readonly GrammarCommand[], family: string): readonly GrammarCommand[] {
  return commands.filter(({ words }) => words.length === 2 && words[0] === family);
}
