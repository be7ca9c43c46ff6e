// The register tables of pci-config in a bundle that only prints: as data. Code that makes tables takes V8 three times as long
// to compile and run as JSON takes to be parsed.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";

/** Modules with register tables. */
const modules = /\/pci-config\/dist\/(?:capabilities\/[\w-]+|header|cardbus-header)\.js$/;

/** What rows hold for people, and for who writes to registers: nothing of it is printed. */
const unprinted = new Set([
  "title",
  "section",
  "access",
  "kind",
  "reserved",
  "words",
  "when",
  "moved",
  "counts",
]);

/** Behind the path of a module, where what else it exports is wanted. */
const WHOLE = "?whole";

/** Functions that make rows: a row that nobody asks for is left out. */
export const pureFunctions = ["address", "bits", "capability", "flag", "list", "register", "value"];

/**
 * Whether a value is a capability, a table of registers, or one register.
 * @param {unknown} value
 * @returns {boolean}
 */
function isTable(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return "registers" in value || "width" in value || Object.values(value).some(isTable);
}

/**
 * Whether a value is the same once it was JSON.
 * @param {unknown} value
 * @returns {boolean}
 */
function isData(value) {
  return typeof value !== "function" && isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
}

/** @param {string} code @returns {readonly string[]} */
const wordsIn = (code) => code.match(/\w+/g) ?? [];

/**
 * The words of a folder's modules.
 * @param {string} folder
 */
function wordsOf(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const modules = names.filter((name) => name.endsWith(".js"));
  return modules.flatMap((name) => wordsIn(readFileSync(join(folder, name), "utf8")));
}

/**
 * What JSON takes of tables. A register or field whose name nobody says is not printed either.
 * @param {ReadonlySet<string>} words
 * @returns {(key: string, value: unknown) => unknown}
 */
function only(words) {
  return (key, value) => {
    const isRow = typeof value === "object" && value !== null && ("width" in value || "form" in value);
    return unprinted.has(key) || (isRow && key !== "" && !words.has(key)) ? undefined : value;
  };
}

/**
 * The plugin. What a module exports besides data comes from its own code, over whole tables.
 * @param {string} printers folder of the modules that print
 * @returns {import("rolldown").Plugin}
 */
export function tables(printers) {
  const printed = wordsOf(printers);
  return {
    name: "tables",
    resolveId(source, importer) {
      if (source.endsWith(WHOLE)) return { id: source, moduleSideEffects: false };
      // Its imports are relative to the file that it is.
      if (!importer?.endsWith(WHOLE) || !source.startsWith(".")) return null;
      const path = resolve(dirname(importer), source);
      return { id: modules.test(path) ? path + WHOLE : path, moduleSideEffects: false };
    },
    async load(id) {
      if (id.endsWith(WHOLE)) return readFileSync(id.slice(0, -WHOLE.length), "utf8");
      if (!modules.test(id)) return null;
      const exported = Object.entries(await import(pathToFileURL(id).href));
      const functions = exported.filter(([, value]) => typeof value === "function");
      const words = new Set([...printed, ...functions.flatMap(([, value]) => wordsIn(String(value)))]);
      const lines = exported.map(([name, value]) => {
        if (!isTable(value) && !isData(value))
          return `export { ${name} } from ${JSON.stringify(id + WHOLE)};`;
        const json = JSON.stringify(JSON.stringify(value, only(words)));
        return `export const ${name} = /* @__PURE__ */ JSON.parse(${json});`;
      });
      return lines.join("\n");
    },
  };
}
