import { isPciError } from "@userpci/interface";
import type { DeviceFilter } from "@userpci/pci-config/lspci";
import { type Operation, parseOperation } from "@userpci/pci-config/setpci";
import { Filters } from "../filters.ts";

/** A wrong command line, in setpci's words. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Devices, and what to do with each of them. */
export interface OperationGroup {
  readonly filters: readonly DeviceFilter[];
  readonly operations: readonly Operation[];
}

/** A command line of setpci. */
export interface SetpciArguments {
  readonly verbose: boolean;
  /** Be silent where no device is selected. */
  readonly force: boolean;
  readonly dryRun: boolean;
  /** Directory that stands for `/`, from `-O sysfs.path=`. */
  readonly root?: string;
  readonly groups: readonly OperationGroup[];
}

const SYSFS = "/sys/bus/pci";

/** Takes arguments one after the other. */
class Arguments {
  readonly #argv: readonly string[];
  #next = 0;

  constructor(argv: readonly string[]) {
    this.#argv = argv;
  }

  get current(): string | undefined {
    return this.#argv[this.#next];
  }

  advance(): void {
    this.#next++;
  }

  /** The argument of an option: the rest of the word, or the next one. */
  valueOf(option: string, rest: string): string {
    const value = rest === "" ? this.#argv[this.#next++] : rest;
    if (value === undefined) throw new UsageError(`Option -${option} requires an argument.`);
    return value;
  }
}

/**
 * Parses what stands behind `setpci`, but for `--help` and the like, which stand alone.
 *
 * @param warn told at once of what is odd, but no error
 * @throws UsageError
 */
export function parseArguments(argv: readonly string[], warn: Warn): SetpciArguments {
  const given = new Arguments(argv);
  const settings = parseSettings(given);
  if (given.current === undefined) throw new UsageError("No operation specified.");
  return { ...settings, groups: parseGroups(given, warn) };
}

type Warn = (words: string) => void;
type Settings = Omit<SetpciArguments, "groups">;

/** Options that come before the first device. */
function parseSettings(given: Arguments): Settings {
  const flags = new Set<string>();
  let root: string | undefined;
  for (let word = given.current; word?.startsWith("-"); word = given.current) {
    if (word !== "-" && !/^-[vfDrGAOH]/.test(word)) break;
    given.advance();
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      const rest = word.slice(at + 1);
      if ("vfDrG".includes(letter)) flags.add(letter);
      else if ("AOH".includes(letter)) {
        root = accessOption(letter, given.valueOf(letter, rest)) ?? root;
        break;
      } else throw new UsageError(`Invalid or misplaced option -${letter}.`);
    }
  }
  const settings = { verbose: flags.has("v"), force: flags.has("f"), dryRun: flags.has("D") };
  return root === undefined ? settings : { ...settings, root };
}

/** There is one way to the devices here, sysfs; what asks for it is accepted. @returns the root it names */
function accessOption(letter: string, value: string): string | undefined {
  if (letter === "A" && value === "linux-sysfs") return undefined;
  const path = letter === "O" ? /^sysfs\.path=(.*)$/.exec(value)?.[1] : undefined;
  if (path?.endsWith(SYSFS)) return path.slice(0, -SYSFS.length) || "/";
  throw new UsageError(
    `-${letter} ${value} is not supported: devices are reached by -A linux-sysfs, with -O sysfs.path=DIRECTORY${SYSFS}.`,
  );
}

function parseGroups(given: Arguments, warn: Warn): OperationGroup[] {
  const groups: OperationGroup[] = [];
  if (!isOption(given.current)) throw new UsageError("Filter specification expected.");
  while (given.current !== undefined) {
    const filters = parseFilters(given, warn);
    const operations: Operation[] = [];
    for (; given.current !== undefined && !isOption(given.current); given.advance()) {
      operations.push(
        parse(
          () => parseOperation(given.current!),
          (words) => `${words}.`,
        ),
      );
    }
    groups.push({ filters, operations });
  }
  return groups;
}

const isOption = (word: string | undefined): boolean => word?.startsWith("-") === true;

function parseFilters(given: Arguments, warn: Warn): readonly DeviceFilter[] {
  const filters = new Filters();
  for (let word = given.current; word?.startsWith("-"); word = given.current) {
    const letter = word[1] ?? " ";
    if (!Filters.has(letter)) throw new UsageError(`Invalid option -${letter}.`);
    given.advance();
    const value = given.valueOf(letter, word.slice(2));
    parse(
      () => filters.add(letter, value, warn),
      // The filter's own words begin with the option, as lspci's do.
      (words) => `Unable to parse filter -${letter} ${words.replace(/^-.: /, "")}.`,
    );
  }
  return filters.list();
}

function parse<T>(run: () => T, say: (words: string) => string): T {
  try {
    return run();
  } catch (error) {
    if (isPciError(error, "ERR_INVALID_ARGUMENT")) throw new UsageError(say(error.message), { cause: error });
    throw error;
  }
}
