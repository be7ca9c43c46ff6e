import type { DeviceFilter, LspciOptions } from "@userpci/pci-config/lspci";
import { Filters } from "../filters.ts";

/** A wrong command line, in lspci's words. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command line of lspci. */
export interface LspciArguments {
  readonly options: Omit<LspciOptions, "ids">;
  readonly tree: boolean;
  readonly filter: DeviceFilter | undefined;
  /** Path of the names, from `-i`. */
  readonly names: string | undefined;
  /** Path of a dump, from `-F`; `-` is standard input. */
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
  const { count, values, filters } = scan(argv, warn);
  const level = <N extends number>(flag: string, most: N) => Math.min(count(flag), most) as N;
  const access = accessOf(values);
  return {
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
    names: values.get("i"),
    dump: values.get("F") ?? access.dump,
    sysfs: access.sysfs,
  };
}

interface Scanned {
  readonly count: (flag: string) => number;
  readonly values: ReadonlyMap<string, string>;
  readonly filters: Filters;
}

function scan(argv: readonly string[], warn: (words: string) => void): Scanned {
  const counts = new Map<string, number>();
  const values = new Map<string, string>();
  const filters = new Filters();
  for (let next = 0; next < argv.length; ) {
    const word = argv[next++]!;
    const flags = flagsOf(word);
    for (const flag of flags) counts.set(flag, (counts.get(flag) ?? 0) + 1);
    const letter = word[flags.length + 1];
    if (letter === undefined) continue;
    requireValued(letter);
    const value = word.slice(flags.length + 2) || argv[next++];
    if (value === undefined) throw new UsageError(`option requires an argument -- '${letter}'`);
    values.set(letter, value);
    // Before the rest is looked at: of several errors lspci tells the first.
    if (Filters.has(letter)) filters.add(letter, value, warn);
  }
  return { count: (flag) => counts.get(flag) ?? 0, values, filters };
}

/** The options without a value that a word begins with. */
function flagsOf(word: string): string {
  if (!/^-./.test(word)) throw new UsageError("");
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

/** There are two ways to devices here: sysfs, and a dump. */
function accessOf(values: ReadonlyMap<string, string>): { sysfs?: string; dump?: string } {
  const method = values.get("A") ?? "linux-sysfs";
  const [name = "", ...rest] = (values.get("O") ?? "").split("=");
  const value = rest.join("=");
  const known = method === "linux-sysfs" || method === "dump";
  if (values.has("H") || !known || !["", "sysfs.path", "dump.name"].includes(name)) {
    throw new UsageError(
      "devices are reached by -A linux-sysfs, with -O sysfs.path=DIRECTORY, or by -A dump, with -O dump.name=FILE",
    );
  }
  if (name === "sysfs.path") return { sysfs: value };
  return name === "dump.name" ? { dump: value } : {};
}
