import { checkMethods } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { functionPath } from "./function.ts";
import { checkTreeOptions } from "./options.ts";
import { oneLine, pathIn, readText, type TreeOptions } from "./tree.ts";

/** An entry of `modules.alias`. */
interface Alias {
  /** Its place in the file, which is the order of what is found. */
  readonly place: number;
  readonly pattern: string;
  readonly module: string;
}

/** Letters of an alias up to the end of the vendor: `pci:v00008086`. */
const VENDOR_END = 13;

/** Which kernel modules drive what, by the `modules.alias` that depmod writes for a kernel. */
export class ModuleAliases {
  /** By vendor; those for any vendor are under the empty text. */
  readonly #byVendor = new Map<string, Alias[]>();

  /** @param text of the file; without a line for PCI none is known */
  constructor(text: string) {
    for (const [place, line] of text.split("\n").entries()) {
      if (!line.startsWith("alias pci:")) continue;
      const [, pattern = "", module = ""] = line.split(" ");
      const vendor = vendorOf(pattern);
      const aliases = this.#byVendor.get(vendor) ?? [];
      if (aliases.length === 0) this.#byVendor.set(vendor, aliases);
      aliases.push({ place, pattern, module });
    }
  }

  /** Names of the modules for an alias such as `pci:v00008086d000010D3sv...`. */
  find(alias: string): readonly string[] {
    const candidates = [vendorOf(alias), ""].flatMap((vendor) => this.#byVendor.get(vendor) ?? []);
    const found = candidates.filter(({ pattern }) => matches(pattern, alias));
    return [...new Set(found.sort((a, b) => a.place - b.place).map(({ module }) => oneLine(module)))];
  }
}

/**
 * The modules that the running kernel could load, or that a snapshot's could.
 *
 * @returns none where the file is not there
 * @throws PciError `ERR_INVALID_ARGUMENT` for options of another type, `ERR_PERMISSION`
 */
export function readModuleAliases(options: TreeOptions = {}): ModuleAliases {
  checkTreeOptions(options);
  return new ModuleAliases(readText(pathIn(options, aliasesPath(options))) ?? "");
}

/**
 * The modules that could drive a function, whether loaded or not.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @param aliases of {@link readModuleAliases}, read once for many functions
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no address or no aliases
 */
export function readModules(
  address: string,
  aliases: ModuleAliases,
  options: TreeOptions = {},
): readonly string[] {
  checkMethods("aliases", aliases, ["find"], "pass what readModuleAliases() returned");
  checkTreeOptions(options);
  const path = functionPath(PciAddress.parse(address).toString(), options, "modalias");
  return aliases.find(readText(path) ?? "");
}

function aliasesPath(options: TreeOptions): string {
  return `/lib/modules/${readText(pathIn(options, "/proc/sys/kernel/osrelease")) ?? ""}/modules.alias`;
}

function vendorOf(pattern: string): string {
  const vendor = pattern.slice(0, VENDOR_END);
  return vendor.includes("*") ? "" : vendor;
}

/** Whether a shell pattern of literal parts and asterisks matches. */
function matches(pattern: string, text: string): boolean {
  const [first = "", ...parts] = pattern.split("*");
  if (!text.startsWith(first)) return false;
  const last = parts.pop();
  if (last === undefined) return text === pattern;
  let at = first.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
