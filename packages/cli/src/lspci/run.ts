import { getSystemErrorMap } from "node:util";
import { isPciError, PciError } from "@userpci/interface";
import {
  hasRawBytes,
  type LspciDevice,
  listText,
  PciIds,
  parseDump,
  textBytes,
  treeText,
} from "@userpci/pci-config/lspci";
import { readModuleAliases } from "@userpci/sysfs/modules";
import { readNames, readPciIds } from "../names.ts";
import { readInput } from "../standard-input.ts";
import type { Terminal } from "../terminal.ts";
import { version } from "../version.ts";
import { type LspciArguments, parseArguments, UsageError } from "./arguments.ts";
import { HELP } from "./help.ts";
import { readDevices } from "./system.ts";

/** `userpci lspci`: lspci's options, words and exit statuses, over sysfs or a dump. */
export function runDropIn(argv: readonly string[], terminal: Terminal): number {
  const [only] = argv;
  if (argv.length === 1 && only === "--version") {
    terminal.write(`lspci of userpci ${version()}\n`);
    return 0;
  }
  try {
    const given = parseArguments(argv, (words) => terminal.note(`${words}\n`));
    const text = given.answer ?? textOf(given);
    terminal.write(hasRawBytes(text) ? textBytes(text) : text);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.note(`${error.message === "" ? "" : `lspci: ${error.message}\n`}${HELP}`);
    } else if (isPciError(error)) terminal.note(`lspci: ${error.message}\n`);
    else throw error;
    return 1;
  }
}

function textOf(given: LspciArguments): string {
  const options = { ...given.options, ids: namesOf(given) };
  const devices = given.dump === undefined ? systemDevices(given) : dumpedDevices(given.dump);
  return given.tree ? treeText(devices, options, given.filter) : listText(devices, options, given.filter);
}

/** Numbers alone still need the names of programming interfaces. */
function namesOf({ names, isNameless }: LspciArguments): PciIds {
  if (isNameless) return PciIds.parse("");
  if (names === undefined) return readPciIds();
  try {
    return readNames(names);
  } catch {
    // lspci goes on without names, and says nothing.
    return PciIds.parse("");
  }
}

function dumpedDevices(path: string): readonly LspciDevice[] {
  return parseDump(readDump(path), { strict: true }).map(({ bytes, ...address }) => ({ address, bytes }));
}

function readDump(path: string): string {
  try {
    // Not UTF-8: names of devices are of no interest, and any byte may stand in them.
    return readInput(path).toString("latin1");
  } catch (cause) {
    const { errno, code } = cause as NodeJS.ErrnoException;
    // lspci opens a directory, and finds nothing in it.
    if (code === "EISDIR") return "";
    const words = getSystemErrorMap().get(errno ?? 0)?.[1] ?? (cause as Error).message;
    const reason = words.charAt(0).toUpperCase() + words.slice(1);
    throw new PciError("ERR_INVALID_ARGUMENT", `dump: Cannot open ${path}: ${reason}`, { cause });
  }
}

function systemDevices({ options, tree, sysfs }: LspciArguments): readonly LspciDevice[] {
  const { verbosity, showKernel } = options;
  const wanted = !tree && (verbosity > 0 || showKernel);
  return readDevices({
    sysfs,
    details: !tree && verbosity > 1,
    modules: wanted ? readModuleAliases() : undefined,
  });
}
