import { isPciError, PciError } from "@userpci/interface";
import { configOf } from "@userpci/pci-config";
import {
  applyOperation,
  type Operation,
  registerListing,
  resolveOperation,
  type Step,
  type Target,
} from "@userpci/pci-config/setpci";
import { PciAddress } from "@userpci/sysfs";
import type { Terminal } from "../terminal.ts";
import { version } from "../version.ts";
import { type OperationGroup, parseArguments, type SetpciArguments, UsageError } from "./arguments.ts";
import { openConfig, type PaddedConfig, selectFunctions } from "./device.ts";
import { HELP } from "./help.ts";
import type { UnopenedConfig } from "./unopened.ts";

/** `userpci setpci`: setpci's options, words and exit statuses, over sysfs. */
export function runDropIn(argv: readonly string[], terminal: Terminal): number {
  const [only] = argv;
  if (argv.length === 1 && only === "--help") terminal.note(HELP);
  else if (argv.length === 1 && only === "--version") terminal.write(`setpci of userpci ${version()}\n`);
  else if (argv.length === 1 && only === "--dumpregs") terminal.write(`${registerListing().join("\n")}\n`);
  else return runGroups(argv, terminal);
  return 0;
}

function runGroups(argv: readonly string[], terminal: Terminal): number {
  try {
    const given = parseArguments(argv, (words) => terminal.note(`${words}\n`));
    for (const [index, group] of given.groups.entries()) runGroup(given, group, index + 1, terminal);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.note(`setpci: ${error.message}\nTry \`setpci --help' for more information.\n`);
      return 1;
    }
    if (!isPciError(error)) throw error;
    terminal.note(`setpci: ${error.message}\n`);
    return 1;
  }
}

function runGroup(given: SetpciArguments, group: OperationGroup, number: number, terminal: Terminal): void {
  const { filters, operations } = group;
  if (operations.length === 0) return;
  const addresses = selectFunctions(filters, given.root);
  if (addresses.length === 0 && !given.force) {
    terminal.note(`setpci: Warning: No devices selected for operation group ${number}.\n`);
  }
  for (const address of addresses) runOnFunction(given, address, operations, terminal);
}

function runOnFunction(
  { root, dryRun, verbose, groups }: SetpciArguments,
  address: string,
  operations: readonly Operation[],
  terminal: Terminal,
): void {
  // As setpci's: one write anywhere on the command line, and every function is opened for writing.
  const writable = !dryRun && groups.some((group) => group.operations.some(isWrite));
  using region = openConfig(address, { root, writable, note: (words) => terminal.note(words) });
  for (const operation of operations) {
    if (verbose) terminal.write(`${addressText(address)} `);
    try {
      terminal.write(runOperation(region, operation, { dryRun, verbose }));
    } catch (error) {
      if (!isPciError(error)) throw error;
      throw new PciError(error.code, `${addressText(address)}: ${error.message}`, { cause: error });
    }
  }
}

const isWrite = ({ values }: Operation): boolean => values !== undefined;

function runOperation(
  region: PaddedConfig | UnopenedConfig,
  operation: Operation,
  { dryRun, verbose }: { readonly dryRun: boolean; readonly verbose: boolean },
): string {
  const config = configOf(region);
  const target = resolveOperation("search" in region ? region.search(operation) : config, operation);
  const steps = applyOperation(config, operation, { dryRun });
  if (operation.values === undefined) {
    return `${verbose ? `${placeText(target)} = ` : ""}${digits(steps[0]!.before!, operation)}\n`;
  }
  if (!verbose) return "";
  return `${placeText(target)} ${steps.map((step, index) => stepText(step, operation, index)).join(" ")}\n`;
}

function placeText({ offset, capability }: Target): string {
  if (capability === undefined) return `@${hex(offset, 2)}`;
  const { kind, id, offset: base } = capability;
  const name = kind === "standard" ? `cap ${hex(id, 2)}` : `ecap ${hex(id, 4)}`;
  return `(${name} @${hex(base, 2)}) @${hex(offset, 2)}`;
}

function stepText({ before, after }: Step, operation: Operation, index: number): string {
  const { value, mask } = operation.values![index]!;
  if (before === undefined) return digits(value, operation);
  const masked = `(${digits(value, operation)}:${digits(mask!, operation)})`;
  return `${digits(before, operation)}->${masked}->${digits(after!, operation)}`;
}

const hex = (value: number, length: number): string => value.toString(16).padStart(length, "0");
const digits = (value: number, { width }: Operation): string => hex(value, width / 4);

function addressText(address: string): string {
  const { domain, bus, device, function: fn } = PciAddress.parse(address);
  return `${hex(domain, 4)}:${hex(bus, 2)}:${hex(device, 2)}.${fn}`;
}
