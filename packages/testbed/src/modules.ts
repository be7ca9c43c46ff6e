import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** What `modules.dep` and `modules.builtin` of a kernel say: a module's file and the files it needs first. */
export interface ModuleIndex {
  readonly files: ReadonlyMap<string, { readonly path: string; readonly needs: readonly string[] }>;
}

/** Module names treat `-` and `_` as one. */
export function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replace(/\.ko(\.\w+)?$/, "").replaceAll("-", "_");
}

/** Parses the text of `modules.dep` (module file, colon, files it depends on). */
export function parseModulesDep(text: string): ModuleIndex {
  const files = new Map<string, { path: string; needs: string[] }>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const path = line.slice(0, colon);
    const needs = line
      .slice(colon + 1)
      .split(" ")
      .filter(Boolean);
    files.set(moduleName(path), { path, needs });
  }
  return { files };
}

/**
 * Files to insert, in an order in which each finds its dependencies, for `names`. A name without a module is built in or not part of this
 * kernel: it is left out.
 */
export function loadOrder(index: ModuleIndex, names: readonly string[]): string[] {
  const order = new Set<string>();
  const add = (name: string) => {
    const module = index.files.get(moduleName(name));
    if (!module || order.has(module.path)) return;
    for (const path of [...module.needs].reverse()) add(path);
    order.add(module.path);
  };
  for (const name of names) add(name);
  return [...order];
}

/** Reads `modules.dep` below a module directory such as `/lib/modules/6.12.95`. */
export async function readModuleIndex(directory: string): Promise<ModuleIndex> {
  return parseModulesDep(await readFile(join(directory, "modules.dep"), "utf8"));
}
