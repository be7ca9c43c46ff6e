import { PciError } from "@userpci/interface";
import {
  bytesRegion,
  type ConfigSpace,
  configOf,
  formatConfig,
  fromBytes,
  toJSON,
} from "@userpci/pci-config";
import { addressText, type DumpedFunction, parseDump } from "@userpci/pci-config/lspci";
import { PciAddress } from "@userpci/sysfs";
import type { Report } from "../command.ts";
import { readPciIds } from "../names.ts";
import { readInput } from "../standard-input.ts";

/** A function of a file. */
export interface ShownFunction {
  /** Null in a raw file, which does not tell it. */
  readonly address: string | null;
  readonly config: ConfigSpace;
}

/**
 * What a file tells of its functions: the text of `lspci -x`, `-xxx` or `-xxxx`, or one function's configuration space as raw bytes.
 *
 * @param content of the file
 * @param path of the file; `-` is standard input
 * @param wanted address of the only function to show
 * @throws PciError `ERR_INVALID_ARGUMENT` for a file that is neither, `ERR_NO_DEVICE` for an address that it has not
 */
export function showDump(content: Buffer, path: string, wanted: string | undefined): Report {
  const functions = functionsIn(content, path);
  const shown =
    wanted === undefined ? functions : findIn(functions, PciAddress.parse(wanted).toString(), path);
  const names = readPciIds();
  const reports = shown.map(({ address, config }) => ({
    address,
    vendorName: names.vendor(config.vendorId) ?? null,
    deviceName: names.device(config.vendorId, config.deviceId) ?? null,
    configBytes: config.size,
    config: toJSON(config),
  }));
  return {
    json: { file: path, functions: reports },
    text: (style) =>
      reports.flatMap(({ address, vendorName, deviceName, config }, index) => [
        ...(index > 0 ? [""] : []),
        [style.bold(address ?? path), vendorName, deviceName].filter(Boolean).join("  "),
        ...formatConfig(config).map((line) => `  ${line}`),
      ]),
  };
}

/** Sizes of raw files. A text has one of them only by chance, and is looked at first. */
const rawSizes = [64, 256, 4096];
/** Bytes of a header. */
const SMALLEST = 64;

/**
 * The functions of a dump, or of raw bytes.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is neither
 */
export function functionsIn(content: Buffer, path: string): readonly ShownFunction[] {
  const dumped = parseDump(content.toString("latin1"));
  if (dumped.length > 0) return dumped.map(dumpedFunction);
  if (rawSizes.includes(content.length)) return [{ address: null, config: fromBytes(content) }];
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `${path} is no dump of configuration space: ${content.length} bytes`,
    {
      path,
      hint: "give what `lspci -xxxx` printed, or a raw file of 64, 256 or 4096 bytes, such as sysfs' config",
    },
  );
}

function dumpedFunction({ bytes, ...place }: DumpedFunction): ShownFunction {
  const address = addressText(place, true);
  if (bytes.length < SMALLEST) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `the dump has ${bytes.length} bytes of ${address}, and its header has 64`,
      {
        hint: "make the dump with `lspci -xxxx`, as root for all bytes",
        details: { address },
      },
    );
  }
  return { address, config: configOf(bytesRegion(bytes)) };
}

function findIn(functions: readonly ShownFunction[], wanted: string, path: string): readonly ShownFunction[] {
  const found = functions.filter(({ address }) => address === wanted);
  if (found.length > 0) return found;
  const present = functions.flatMap(({ address }) => address ?? []);
  throw new PciError("ERR_NO_DEVICE", `there is no PCI function ${wanted} in ${path}`, {
    hint:
      present.length > 0
        ? `it has ${present.join(", ")}`
        : "a raw file has one function: leave out the address",
    details: { address: wanted, present },
  });
}

/** The bytes of a file; `-` is standard input. @throws PciError `ERR_INVALID_ARGUMENT` for one that cannot be read */
export function readDump(path: string): Buffer {
  try {
    return readInput(path);
  } catch (cause) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${path} cannot be read: ${(cause as Error).message}`, {
      path,
      hint: "give a file that you may read, or - for standard input",
      cause,
    });
  }
}
