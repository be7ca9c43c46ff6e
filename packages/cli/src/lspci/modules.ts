import { readAttribute } from "./attribute.ts";

/** An entry of `modules.alias`. */
interface Alias {
  /** Its place in the file, which is the order of what is found. */
  readonly place: number;
  readonly pattern: string;
  readonly module: string;
}

/** Letters of an alias up to the end of the vendor: `pci:v00008086`. */
const VENDOR_END = 13;

/** Which kernel modules drive what, from the `modules.alias` of the running kernel. */
export class ModuleAliases {
  /** By vendor; those for any vendor are under the empty text. */
  readonly #byVendor = new Map<string, Alias[]>();

  private constructor(text: string) {
    for (const [place, line] of text.split("\n").entries()) {
      if (!line.startsWith("alias pci:")) continue;
      const [, pattern = "", module = ""] = line.split(" ");
      const vendor = vendorOf(pattern);
      const aliases = this.#byVendor.get(vendor) ?? [];
      if (aliases.length === 0) this.#byVendor.set(vendor, aliases);
      aliases.push({ place, pattern, module });
    }
  }

  /** Those of the running kernel; without its file none are known. */
  static read(path = aliasesPath()): ModuleAliases {
    return new ModuleAliases(readAttribute(path) ?? "");
  }

  /** Names of the modules for an alias such as `pci:v00008086d000010D3sv...`. */
  find(alias: string): readonly string[] {
    const candidates = [vendorOf(alias), ""].flatMap((vendor) => this.#byVendor.get(vendor) ?? []);
    const found = candidates.filter(({ pattern }) => matches(pattern, alias));
    return [...new Set(found.sort((a, b) => a.place - b.place).map(({ module }) => module))];
  }
}

function aliasesPath(): string {
  return `/lib/modules/${readAttribute("/proc/sys/kernel/osrelease") ?? ""}/modules.alias`;
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
