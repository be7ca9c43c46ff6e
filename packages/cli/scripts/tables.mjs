// The register tables of pci-config in a bundle that only prints: as data. Code that makes tables takes V8 three times as long
// to compile and run as JSON takes to be parsed.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

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

/** @param {string} key @param {unknown} value */
const printed = (key, value) => (unprinted.has(key) ? undefined : value);

/**
 * The plugin. What a module exports besides tables comes from its own code.
 * @returns {import("rolldown").Plugin}
 */
export function tables() {
  return {
    name: "tables",
    resolveId(source, importer) {
      if (source.endsWith(WHOLE)) return { id: source, moduleSideEffects: false };
      // Its imports are relative to the file that it is.
      if (!importer?.endsWith(WHOLE) || !source.startsWith(".")) return null;
      return { id: resolve(dirname(importer), source), moduleSideEffects: false };
    },
    async load(id) {
      if (id.endsWith(WHOLE)) return readFileSync(id.slice(0, -WHOLE.length), "utf8");
      if (!modules.test(id)) return null;
      const exported = Object.entries(await import(pathToFileURL(id).href));
      const lines = exported.map(([name, value]) => {
        if (!isTable(value)) return `export { ${name} } from ${JSON.stringify(id + WHOLE)};`;
        const json = JSON.stringify(JSON.stringify(value, printed));
        return `export const ${name} = /* @__PURE__ */ JSON.parse(${json});`;
      });
      return lines.join("\n");
    },
  };
}
