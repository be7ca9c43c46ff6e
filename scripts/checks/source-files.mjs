// The files of a package that people wrote, and which of them are published.
import { readdirSync } from "node:fs";
import { extname, join } from "node:path";
import ts from "typescript";

/** Folders that tools fill, and data. */
const generated = new Set(["node_modules", "dist", "prebuilds", "build", "fixtures", ".turbo"]);

const scripts = new Set([".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"]);
const texts = new Set([...scripts, ".c", ".cc", ".h", ".sh"]);

/**
 * Every TypeScript and JavaScript file below a folder.
 * @param {string} folder
 * @returns {string[]} absolute paths
 */
export function scriptFiles(folder) {
  return walk(folder).filter((file) => scripts.has(extname(file)));
}

/**
 * Every file below a folder that holds code of some language.
 * @param {string} folder
 * @returns {string[]} absolute paths
 */
export function codeFiles(folder) {
  return walk(folder).filter((file) => texts.has(extname(file)));
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return generated.has(entry.name) ? [] : walk(path);
    return entry.isFile() ? [path] : [];
  });
}

/**
 * What the package's tsconfig.json compiles, and so publishes.
 * @param {string} folder
 * @returns {{ files: Set<string>, references: string[] }} absolute paths; folders of the referenced packages
 */
export function compiled(folder) {
  const file = join(folder, "tsconfig.json");
  const { config, error } = ts.readConfigFile(file, ts.sys.readFile);
  if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, "\n"));
  const { fileNames, projectReferences } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  return { files: new Set(fileNames), references: (projectReferences ?? []).map(({ path }) => path) };
}
