import { existsSync } from "node:fs";
import { join } from "node:path";
import { isPciError, PciError } from "@userpci/interface";
import type { Style } from "./style.ts";
import type { Terminal } from "./terminal.ts";

/** An argument by its place. */
export interface ArgumentSpec {
  /** `<address>` where it must be given, `[address]` where it may; `<word...>` takes all that follow, as `rest` of the call. */
  readonly usage: string;
  readonly about: string;
  /** Name of the option with which alone it may be left out. */
  readonly unless?: string;
  /** Names of options of which each stands in its place: with one of them it is left out, and the next argument is the first. */
  readonly replacedBy?: readonly string[];
  /** Words that it often is, which shells complete. */
  readonly words?: readonly string[];
  /** Looks at one that is given. @throws PciError `ERR_INVALID_ARGUMENT` */
  readonly check?: (text: string) => Promise<void>;
}

/** An option. */
export interface OptionSpec {
  /** As in help: `--user <name>`, or `--here` for one without a value. */
  readonly usage: string;
  readonly about: string;
  /** Whether it may be given more than once; see {@link optionTexts}. */
  readonly repeats?: true;
  /** Whether one without a value says more when it is given again, as `-vv`; see {@link optionCount}. */
  readonly counts?: true;
  /** Words that its value often is, which shells complete. */
  readonly words?: readonly string[];
}

/** Under which heading `--help` lists a command. */
export const sections = {
  look: "Look:",
  bind: "Give and take:",
  poke: "Reach into a device:",
  watch: "Watch:",
  tools: "Write drivers and devices:",
  standIns: "Stand in for pciutils:",
} as const;

/** A command as data: what `--help` prints, and where its code is. */
export interface CommandSpec {
  /** One word, or two for a command of a family: `config get`. */
  readonly name: string;
  readonly section: keyof typeof sections;
  /** One line. */
  readonly summary: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** Command lines without the leading `userpci`, and what they do. */
  readonly examples: readonly (readonly [line: string, about: string])[];
  /** Whether exit status 1 is an answer: they differ, something is wrong. What fails then ends with 2, as of `diff` and `grep`. */
  readonly answers?: true;
  /** Version of the schema of its JSON, which is in `schemas/`. Default 1. */
  readonly schema?: number;
  /** Loads the code. Only the command that runs is loaded. */
  readonly load: () => Promise<CommandModule>;
}

/** The code of a command. */
export interface CommandModule {
  /** @throws PciError and others; they are printed, and the exit status is 2 for {@link WrongValue} and of a command that `answers`, else 1 */
  readonly run: (call: CommandCall) => Promise<Report>;
}

/** Options by name. */
export type OptionValues = Readonly<Record<string, string | true | readonly string[] | undefined>>;

/** A command line, parsed. */
export interface CommandCall {
  /** In the order of the specs; undefined where one was left out. */
  readonly arguments: readonly (string | undefined)[];
  /** The words of a `<word...>`, also what follows `--`. */
  readonly rest: readonly string[];
  /** By name: `user` for `--user <name>`. A flag is true or absent. */
  readonly options: OptionValues;
  /** Whether the result is printed as JSON; then nothing else may be written to standard output, but by `line`. */
  readonly json: boolean;
  /** Whether JSON is printed as lines, each as soon as it is known (`--jsonl`); `json` is true then. */
  readonly jsonl: boolean;
  /** Prints a line of JSON at once with `--jsonl`, and does nothing without. */
  readonly line: (value: object) => void;
  readonly terminal: Terminal;
}

/** What a command found out or did. */
export interface Report {
  /** For programs: printed as one JSON object with `--json`. Bigints become hexadecimal text. */
  readonly json: object;
  /** For `--jsonl`: an object a line, after those that were printed by `line`. Default: `json` in one line. */
  readonly lines?: readonly object[];
  /** For people: lines. */
  readonly text: (style: Style) => readonly string[];
  /** Whether what was asked for did not hold, though it could be reported; the exit status is then 1. */
  readonly failed?: boolean;
  /** Of a command that runs another program: that one's exit status, which becomes its own. */
  readonly status?: number;
}

// Bundles have a copy of this file each.
const brand = Symbol.for("@userpci/cli/WrongValue");

/** A value of the command line that means nothing. */
export class WrongValue extends Error {
  override readonly cause: PciError;
  readonly [brand] = true;

  constructor(cause: PciError) {
    super(cause.message);
    this.cause = cause;
  }

  /** Whether something is one, of whatever copy of this class. */
  static is(thrown: unknown): thrown is WrongValue {
    return thrown instanceof Error && brand in thrown;
  }
}

/**
 * Takes values of the command line.
 *
 * @throws WrongValue where `take` throws `ERR_INVALID_ARGUMENT`; what else it throws
 */
export async function ofCommandLine<T>(take: () => T | Promise<T>): Promise<T> {
  return takenFor(["ERR_INVALID_ARGUMENT"], take);
}

/**
 * Takes numbers of the command line whose range is always the same, whatever the device.
 *
 * @throws WrongValue where `take` throws `ERR_INVALID_ARGUMENT` or `ERR_OUT_OF_RANGE`; what else it throws
 */
export async function rangeOfCommandLine<T>(take: () => T | Promise<T>): Promise<T> {
  return takenFor(["ERR_INVALID_ARGUMENT", "ERR_OUT_OF_RANGE"], take);
}

async function takenFor<T>(wrong: readonly string[], take: () => T | Promise<T>): Promise<T> {
  try {
    return await take();
  } catch (error) {
    throw isPciError(error) && wrong.includes(error.code) ? new WrongValue(error) : error;
  }
}

/** How a result of a command says what it is: the first field of its JSON. */
export function schemaName({ name, schema = 1 }: Pick<CommandSpec, "name" | "schema">): string {
  return `userpci:${name.replaceAll(" ", "-")}/${schema}`;
}

/** The value of an option that takes one. */
export function optionText(call: CommandCall, name: string): string | undefined {
  const value = call.options[name];
  return typeof value === "string" ? value : undefined;
}

/** How often an option that counts was given. */
export function optionCount(call: CommandCall, name: string): number {
  return Number(optionText(call, name) ?? 0);
}

/** The values of an option that repeats, in their order. */
export function optionTexts(call: CommandCall, name: string): readonly string[] {
  const values = call.options[name];
  return typeof values === "object" ? values : [];
}

/**
 * The options that say which tree to read, for the functions of `@userpci/sysfs`.
 *
 * @throws WrongValue for a directory without a sysfs in it, which would look like a machine without PCI
 */
export function treeOf(call: CommandCall): { readonly root?: string } {
  const root = optionText(call, "root");
  if (root === undefined) return {};
  const path = join(root, "sys/bus/pci/devices");
  if (existsSync(path)) return { root };
  throw wrongRoot(root, path);
}

/**
 * Looks at the options of a command that changes a machine, which is always this one: a copy of another only has plans.
 *
 * @throws WrongValue for `--root` without `--plan`
 */
export function refuseRootWithoutPlan(call: CommandCall): void {
  if (optionText(call, "root") === undefined || call.options["plan"] === true) return;
  const message = "--root goes with --plan: what is changed is this machine, and not a copy of another";
  const hint = "add --plan to see what would be done there, or leave --root out to do it here";
  throw new WrongValue(new PciError("ERR_INVALID_ARGUMENT", message, { hint }));
}

/** The error for a value of `--root` that has no PCI functions in it, not even none. */
export function wrongRoot(root: string, path: string): WrongValue {
  const message = `${JSON.stringify(root)} is no copy of a machine: there is no ${path}`;
  const hint =
    "give what `userpci snapshot` made, or the directory that has the copied sys, and proc and dev if there are";
  return new WrongValue(new PciError("ERR_INVALID_ARGUMENT", message, { path, hint }));
}
