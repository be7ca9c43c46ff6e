import { PciAddress } from "./address.ts";
import { functionPath } from "./function.ts";
import { checkTreeOptions } from "./options.ts";
import { readRealPath, readText, type TreeOptions } from "./tree.ts";

/** How bad an error was, as PCI Express has it (PCI Express 5.0, section 6.2.2). */
export const aerSeverities = ["correctable", "nonfatal", "fatal"] as const;

/** One of {@link aerSeverities}. */
export type AerSeverity = (typeof aerSeverities)[number];

/** How often the kernel has counted one kind of error at one function. */
export interface AerCounter {
  /** The function that found the error: the device, or a port above it. */
  readonly address: string;
  readonly severity: AerSeverity;
  /** The kernel's name of the error, such as `CmpltTO` or `BadTLP`. */
  readonly error: string;
  /** Times since the function was found; exact up to 2^53. */
  readonly count: number;
}

/**
 * Reads the errors that the kernel has counted at a function and at the bridges above it
 * (`Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats`). Empty for a function that is not there, and where nothing counts.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no address, `ERR_PERMISSION`
 */
export function readAerCounters(address: string, options: TreeOptions = {}): readonly AerCounter[] {
  checkTreeOptions(options);
  return functionsOnPath(PciAddress.parse(address).toString(), options).flatMap((each) =>
    ownCounters(each, options),
  );
}

/** The counters of one function alone. @param address in the kernel's spelling */
export function ownCounters(address: string, options: TreeOptions): AerCounter[] {
  return aerSeverities.flatMap((severity) => {
    const text = readText(functionPath(address, options, `aer_dev_${severity}`)) ?? "";
    return text.split("\n").flatMap((line) => parseLine(address, severity, line) ?? []);
  });
}

/** A function and the bridges above it, topmost first; none if it is not there. @param address in the kernel's spelling */
export function functionsOnPath(address: string, options: TreeOptions): string[] {
  const parts = readRealPath(functionPath(address, options))?.split("/") ?? [];
  return parts.filter((part) => PciAddress.tryParse(part)?.toString() === part);
}

function parseLine(address: string, severity: AerSeverity, line: string): AerCounter | undefined {
  const match = /^(\S+) (\d+)$/.exec(line.trim());
  // The last line is the sum.
  if (match === null || match[1]!.startsWith("TOTAL_")) return undefined;
  return { address, severity, error: match[1]!, count: Number(match[2]) };
}
