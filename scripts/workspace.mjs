// The packages of this repository, as their manifests describe them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's top folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Private workspaces beside `packages/`. */
const privateFolders = ["tests", "benchmarks", "examples"];

/**
 * @typedef {object} Package
 * @property {string} name full name, `@userpci/iommu`
 * @property {string} short the folder's name, `iommu`
 * @property {string} folder absolute path
 * @property {Record<string, any>} manifest its package.json
 */

/**
 * The published packages, in the order of their folders' names.
 * @param {string} [top] the repository to look in
 * @returns {Package[]}
 */
export function publicPackages(top = root) {
  return readdirSync(join(top, "packages"))
    .sort()
    .map((short) => readPackage(join(top, "packages", short), short))
    .filter((found) => found !== undefined);
}

/**
 * The workspaces that are never published: tests, benchmarks, examples.
 * @param {string} [top] the repository to look in
 * @returns {Package[]}
 */
export function privatePackages(top = root) {
  return privateFolders
    .map((short) => readPackage(join(top, short), short))
    .filter((found) => found !== undefined);
}

/**
 * @param {string} folder
 * @param {string} short
 * @returns {Package | undefined}
 */
function readPackage(folder, short) {
  const file = join(folder, "package.json");
  if (!existsSync(file)) return undefined;
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  return { name: manifest.name, short, folder, manifest };
}
