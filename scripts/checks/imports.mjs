// Dependencies point down only: every import, reference and manifest entry against the architecture's table.
import { existsSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import ts from "typescript";
import { architecture } from "../architecture.mjs";
import { privatePackages, publicPackages, root } from "../workspace.mjs";
import { compiled, scriptFiles } from "./source-files.mjs";

/** @typedef {import("../workspace.mjs").Package} Package */

/** Private workspaces that may look into the packages and workspaces they declare. */
const insiders = ["tests", "benchmarks"];

/**
 * @typedef {object} Import
 * @property {string} file path from the repository's top
 * @property {string} specifier as written
 * @property {string} target the package's name, for an import that is not relative
 * @property {boolean} published whether the file is part of what the package publishes
 */

/**
 * @param {string} [top] the repository to look at
 * @returns {string[]} one line for each problem
 */
export function checkImports(top = root) {
  const packages = publicPackages(top);
  const shorts = new Map(packages.map(({ name, short }) => [name, short]));
  const shared = Object.keys(readJson(join(top, "package.json")).devDependencies ?? {});
  const below = packages.flatMap((pkg) => checkPackage(pkg, shorts, shared, top));
  const workspaces = privatePackages(top);
  const above = workspaces.flatMap((pkg) => {
    const imports = importsOf(pkg, new Set(), top);
    const named = insiders.includes(pkg.short)
      ? imports.map((found) => asInsider(found, [...packages, ...workspaces], top))
      : imports;
    return declarations(pkg, named, shared);
  });
  return [...below, ...above];
}

/**
 * @param {Package} pkg
 * @param {Map<string, string>} shorts folder name by package name
 * @param {string[]} shared development dependencies of the whole repository
 * @param {string} top
 * @returns {string[]}
 */
function checkPackage(pkg, shorts, shared, top) {
  const layer = Object.hasOwn(architecture, pkg.short) ? architecture[pkg.short] : undefined;
  if (layer === undefined) return [`packages/${pkg.short} is not in the table of scripts/architecture.mjs`];
  const { files, references } = compiled(pkg.folder);
  const imports = importsOf(pkg, files, top);
  const allowed = new Set(layer.imports);
  const external = new Set(layer.external);
  const problems = declarations(pkg, imports, shared);
  for (const { file, specifier, target, published } of imports) {
    const short = shorts.get(target);
    if (short !== undefined && short !== pkg.short && !allowed.has(short))
      problems.push(`${file} imports ${specifier}: ${pkg.short} may import ${list(allowed)}`);
    if (published && short === pkg.short) problems.push(`${file} imports its own package by name`);
    if (published && layer.pure && isBuiltin(specifier))
      problems.push(`${file} imports ${specifier}: ${pkg.short} runs without Node`);
  }
  for (const name of Object.keys({ ...pkg.manifest.dependencies, ...pkg.manifest.peerDependencies })) {
    if (!shorts.has(name) && !external.has(name))
      problems.push(`packages/${pkg.short} depends on ${name}: not in the table of scripts/architecture.mjs`);
  }
  return [
    ...problems,
    ...manifestArrows(pkg, allowed, shorts),
    ...referenceArrows(pkg, references, imports, shorts),
  ];
}

/**
 * Everything that the files of a package import. Relative imports that stay inside are left out.
 * @param {Package} pkg
 * @param {Set<string>} published
 * @param {string} top
 * @returns {Import[]}
 */
function importsOf(pkg, published, top) {
  return scriptFiles(pkg.folder).flatMap((path) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(path, "utf8"), true, true);
    return importedFiles
      .map(({ fileName }) => fileName)
      .filter((specifier) => !staysInside(pkg.folder, path, specifier))
      .map((specifier) => ({
        file: relative(top, path),
        specifier,
        target: packageName(specifier),
        published: published.has(path),
      }));
  });
}

/**
 * @param {string} folder
 * @param {string} path
 * @param {string} specifier
 */
function staysInside(folder, path, specifier) {
  return specifier.startsWith(".") && resolve(dirname(path), specifier).startsWith(folder + sep);
}

/**
 * A test or benchmark may look into a package by path, to hold its tables against C's headers, say, if it declares that
 * package; and a test into the benchmarks, whose peers in C it drives.
 * @param {Import} found
 * @param {Package[]} packages
 * @param {string} top
 * @returns {Import}
 */
function asInsider(found, packages, top) {
  if (!found.specifier.startsWith(".")) return found;
  const path = resolve(top, dirname(found.file), found.specifier);
  const owner = packages.find(({ folder }) => path.startsWith(folder + sep));
  return owner === undefined ? found : { ...found, specifier: owner.name, target: owner.name };
}

/** @param {string} specifier */
function packageName(specifier) {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/**
 * Whether what is imported is declared, and relative imports stay inside.
 * @param {Package} pkg
 * @param {Import[]} imports
 * @param {string[]} shared
 * @returns {string[]}
 */
function declarations(pkg, imports, shared) {
  const { dependencies, peerDependencies, devDependencies } = pkg.manifest;
  const runTime = new Set(Object.keys({ ...dependencies, ...peerDependencies }));
  const all = new Set([...runTime, ...Object.keys(devDependencies ?? {}), ...shared, pkg.name]);
  return imports.flatMap(({ file, specifier, target, published }) => {
    if (specifier.startsWith(".")) return [`${file} imports ${specifier}, outside its package`];
    if (isBuiltin(specifier) || (published ? runTime : all).has(target)) return [];
    return [
      `${file} imports ${specifier}, which ${published ? "dependencies" : "package.json"} does not name`,
    ];
  });
}

/**
 * Whether package.json names only what the table allows, and only what is imported.
 * @param {Package} pkg
 * @param {Set<string>} allowed
 * @param {Map<string, string>} shorts
 * @returns {string[]}
 */
function manifestArrows(pkg, allowed, shorts) {
  const { dependencies, devDependencies } = pkg.manifest;
  return Object.keys({ ...dependencies, ...devDependencies }).flatMap((name) => {
    const short = shorts.get(name);
    if (short === undefined || allowed.has(short)) return [];
    return [`packages/${pkg.short}/package.json names ${name}: ${pkg.short} may import ${list(allowed)}`];
  });
}

/**
 * Whether tsconfig.json references exactly the packages of ours that the published files import.
 * @param {Package} pkg
 * @param {string[]} references
 * @param {Import[]} imports
 * @param {Map<string, string>} shorts
 * @returns {string[]}
 */
function referenceArrows(pkg, references, imports, shorts) {
  const file = `packages/${pkg.short}/tsconfig.json`;
  const wanted = new Set(
    imports.flatMap(({ published, target }) => (published ? (shorts.get(target) ?? []) : [])),
  );
  const named = new Set(references.map((path) => basename(existsSync(path) ? path : dirname(path))));
  const missing = [...wanted].filter((short) => !named.has(short) && short !== pkg.short);
  const surplus = [...named].filter((short) => !wanted.has(short));
  return [
    ...missing.map((short) => `${file} does not reference ../${short}, which is imported`),
    ...surplus.map((short) => `${file} references ../${short}, which no published file imports`),
  ];
}

/** @param {Set<string>} names */
function list(names) {
  return names.size === 0 ? "nothing of ours" : `only ${[...names].join(", ")}`;
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}
