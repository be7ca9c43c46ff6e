import type { DeviceFilter, LspciOptions } from "@userpci/pci-config/lspci";
import { Filters } from "../filters.ts";
import { Access } from "./access.ts";

/** A wrong command line, in lspci's words. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command line of lspci. */
export interface LspciArguments {
  /** What to print in place of devices, for `-A help` and `-O help`. */
  readonly answer: string | undefined;
  readonly options: Omit<LspciOptions, "ids">;
  readonly tree: boolean;
  readonly filter: DeviceFilter | undefined;
  /** Path of the names, from `-i`. */
  readonly names: string | undefined;
  /** `-Q`: names from the network alone, which gives none here. */
  readonly isNameless: boolean;
  /** Path of a dump, from `-F` or `-A dump`; `-` is standard input. */
  readonly dump: string | undefined;
  /** Directory of the system's PCI tree, from `-O sysfs.path=`. */
  readonly sysfs: string | undefined;
}

/** Options without a value, each of which may be given more than once. */
const FLAGS = "vnmtxkbDPqQG";
/** Options with one. */
const VALUES = "sdiFpAOH";

/**
 * Parses what stands behind `lspci`.
 *
 * @param warn told at once of what is odd, but no error
 * @throws UsageError with lspci's words; without words where lspci only shows its usage
 * @throws PciError `ERR_INVALID_ARGUMENT` with lspci's words for a filter
 */
export function parseArguments(argv: readonly string[], warn: (words: string) => void): LspciArguments {
  const { count, names, filters, access, answer } = scan(argv, warn);
  const level = <N extends number>(flag: string, most: N) => Math.min(count(flag), most) as N;
  return {
    answer,
    options: {
      verbosity: level("v", 3) as LspciOptions["verbosity"],
      idStyle: (["names", "numbers", "both"] as const)[level("n", 2)]!,
      machine: level("m", 2) as LspciOptions["machine"],
      hexLevel: level("x", 4) as LspciOptions["hexLevel"],
      showDomains: count("D") > 0,
      showKernel: count("k") > 0,
      busCentric: count("b") > 0,
      pathLevel: level("P", 2) as LspciOptions["pathLevel"],
    },
    tree: count("t") > 0,
    filter: allOf(filters.list()),
    names,
    isNameless: count("Q") > 0,
    dump: access.dump,
    sysfs: access.sysfs,
  };
}

interface Scanned {
  readonly count: (flag: string) => number;
  readonly names: string | undefined;
  readonly filters: Filters;
  readonly access: Access;
  readonly answer: string | undefined;
}

/** Takes the options one by one: of several errors lspci tells the first. */
function scan(argv: readonly string[], warn: (words: string) => void): Scanned {
  const counts = new Map<string, number>();
  const filters = new Filters();
  const access = new Access();
  let names: string | undefined;
  let answer: string | undefined;
  for (const [letter, value] of optionsOf(argv)) {
    if (letter === "i") names = value;
    else if (Filters.has(letter)) filters.add(letter, value, warn);
    else if (Access.has(letter)) answer = access.add(letter, value);
    else counts.set(letter, (counts.get(letter) ?? 0) + 1);
    if (answer !== undefined) break;
  }
  return { count: (flag) => counts.get(flag) ?? 0, names, filters, access, answer };
}

/** The options and their values, in their order; words that are no options are an error behind all of them. */
function* optionsOf(argv: readonly string[]): Generator<readonly [letter: string, value: string]> {
  let strays = 0;
  for (let next = 0; next < argv.length; ) {
    const word = argv[next++]!;
    if (word === "--") {
      strays += argv.length - next;
      break;
    }
    if (!/^-./.test(word)) {
      strays++;
      continue;
    }
    const flags = flagsOf(word);
    for (const flag of flags) yield [flag, ""];
    const letter = word[flags.length + 1];
    if (letter === undefined) continue;
    requireValued(letter);
    const value = word.slice(flags.length + 2) || argv[next++];
    if (value === undefined) throw new UsageError(`option requires an argument -- '${letter}'`);
    yield [letter, value];
  }
  if (strays > 0) throw new UsageError("");
}

/** The options without a value that a word begins with. */
function flagsOf(word: string): string {
  const letters = word.slice(1);
  const end = [...letters].findIndex((letter) => !FLAGS.includes(letter));
  return end < 0 ? letters : letters.slice(0, end);
}

function requireValued(letter: string): void {
  if (VALUES.includes(letter)) return;
  if (letter !== "M") throw new UsageError(`invalid option -- '${letter}'`);
  throw new UsageError("-M: Bus mapping needs direct access to hardware, which userpci does not use");
}

/** Devices must pass all filters. */
function allOf(filters: readonly DeviceFilter[]): DeviceFilter | undefined {
  if (filters.length === 0) return undefined;
  return (device, busCentric) => filters.every((matches) => matches(device, busCentric));
}
