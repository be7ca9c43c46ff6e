// Compiled files whose source is gone. The compiler leaves them, and the build's cache would bring them to other working
// copies. Pieces of the command are made of several, and written anew with every build.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Whether a file of a package is compiled from a source that is not there any more.
 *
 * @param {string} folder of the package
 * @param {string} path in it, such as `dist/vector.d.ts`
 */
export function isLeftOver(folder, path) {
  if (!/^dist\/(?!pieces\/).*\.(js|d\.ts)$/.test(path)) return false;
  return !existsSync(join(folder, path.replace(/^dist\//, "src/").replace(/\.(d\.ts|js)$/, ".ts")));
}

/**
 * @param {string} folder of a package
 * @returns {string[]} paths in it
 */
export function leftovers(folder) {
  if (!existsSync(join(folder, "dist"))) return [];
  return readdirSync(join(folder, "dist"), { recursive: true, encoding: "utf8" })
    .map((name) => `dist/${name}`)
    .filter((path) => isLeftOver(folder, path));
}
