// The packages of this repository, as their manifests describe them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's top folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** The workspaces that are never published; they stand above every package. */
export const privateFolders = ["tests", "benchmarks", "examples"];

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
 */
export function publicPackages(top = root) {
  return readdirSync(join(top, "packages"))
    .filter((short) => !short.startsWith("."))
    .sort()
    .flatMap((short) => readPackage(join(top, "packages", short), short));
}

/**
 * The workspaces that are never published and exist.
 * @param {string} [top] the repository to look in
 */
export function privatePackages(top = root) {
  return privateFolders.flatMap((short) => readPackage(join(top, short), short));
}

/**
 * @param {string} folder
 * @param {string} short
 * @returns {Package[]} none when the folder has no manifest
 */
function readPackage(folder, short) {
  const file = join(folder, "package.json");
  if (!existsSync(file)) return [];
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  return [{ name: manifest.name, short, folder, manifest }];
}
