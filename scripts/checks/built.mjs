// Every public package was built, and what was built imports what was built: TypeScript 5.9 leaves `import("./file.ts")` as it is in a function with `using`.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { publicPackages, root } from "../workspace.mjs";

/**
 * @param {string} [top] the repository to look at
 * @returns {string[]} one line for each problem
 */
export function checkBuilt(top = root) {
  return publicPackages(top).flatMap(({ folder }) => {
    const dist = join(folder, "dist");
    const files = builtFiles(dist);
    if (files.length === 0) return [`${relative(top, dist)} holds no module: run \`npm run build\``];
    return files.flatMap((path) => importedSources(top, path));
  });
}

/** @param {string} top @param {string} path @returns {string[]} one line for each source that the file imports */
function importedSources(top, path) {
  const { importedFiles } = ts.preProcessFile(readFileSync(path, "utf8"), true, true);
  const sources = importedFiles.filter(({ fileName }) => /^\..*\.[cm]?ts$/.test(fileName));
  return sources.map(({ fileName }) => `${relative(top, path)} imports ${fileName}, which is not published`);
}

/** @param {string} dist @returns {string[]} absolute paths; none where nothing was built */
function builtFiles(dist) {
  if (!existsSync(dist)) return [];
  const names = readdirSync(dist, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /\.[cm]?js$/.test(name)).map((name) => join(dist, name));
}
