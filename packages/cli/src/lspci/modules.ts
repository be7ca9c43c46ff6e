import { release } from "node:os";
import { readAttribute } from "./attribute.ts";

/** Which kernel modules drive what, from the `modules.alias` of the running kernel. */
export class ModuleAliases {
  readonly #lines: readonly string[];

  private constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** Those of the running kernel; without its file none are known. */
  static read(path = `/lib/modules/${release()}/modules.alias`): ModuleAliases {
    const text = readAttribute(path) ?? "";
    return new ModuleAliases(text.split("\n").filter((line) => line.startsWith("alias pci:")));
  }

  /** Names of the modules for an alias such as `pci:v00008086d000010D3sv...`. */
  find(alias: string): readonly string[] {
    const found = new Set<string>();
    for (const line of this.#lines) {
      const [, pattern, module] = line.split(" ");
      if (pattern !== undefined && module !== undefined && matches(pattern, alias)) found.add(module);
    }
    return [...found];
  }
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
