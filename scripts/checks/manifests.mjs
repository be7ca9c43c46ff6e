// What every package.json and README has to say, and that one dependency has one version everywhere.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { privatePackages, publicPackages, root } from "../workspace.mjs";

/** @typedef {import("../workspace.mjs").Package} Package */

/** Fields that are the same in every published package. */
const fixed = {
  license: "MIT OR Apache-2.0",
  type: "module",
  sideEffects: false,
  engines: { node: ">=20.19.0" },
  publishConfig: { access: "public" },
};

/**
 * Fields that would stop an installation, and why they must not be there. An install script runs a compiler on the
 * user's machine, or makes the package manager refuse; a pure package installs on any system, and the addon says by
 * itself where it does not load.
 */
const forbidden = ["os", "cpu", "libc", "gypfile"];
const forbiddenScripts = ["preinstall", "install", "postinstall", "prepare"];

/** A README shows code on its first screen: no later than this line. */
const codeByLine = 20;

const dependencyFields = ["dependencies", "peerDependencies", "optionalDependencies", "devDependencies"];

/**
 * @param {string} [top] the repository to look at
 * @returns {string[]} one line for each problem
 */
export function checkManifests(top = root) {
  const published = publicPackages(top);
  const all = [...published, ...privatePackages(top)];
  const names = new Set(published.map(({ name }) => name));
  return [
    ...published.flatMap((pkg) =>
      [...identity(pkg), ...fields(pkg), ...exportMap(pkg), ...readme(pkg)].map(
        (problem) => `packages/${pkg.short}: ${problem}`,
      ),
    ),
    ...all.flatMap((pkg) => workspaceRanges(pkg, names)),
    ...sharedVersions([...all, topPackage(top)], names),
  ];
}

/** @param {string} top @returns {Package} */
function topPackage(top) {
  const manifest = JSON.parse(readFileSync(join(top, "package.json"), "utf8"));
  return { name: manifest.name, short: ".", folder: top, manifest };
}

/** @param {Package} pkg */
function identity({ name, short, manifest }) {
  const wanted = short === "userpci" ? short : `@userpci/${short}`;
  return [
    ...(name === wanted ? [] : [`name is ${name}, the folder says ${wanted}`]),
    ...(/^\d+\.\d+\.\d+$/.test(manifest.version) ? [] : [`version is ${manifest.version}`]),
    ...(manifest.description?.length > 20 ? [] : ["description says nothing"]),
    ...(manifest.private === undefined ? [] : ["private: a package under packages/ is published"]),
  ];
}

/** @param {Package} pkg */
function fields({ manifest }) {
  const wrong = Object.entries(fixed).filter(([key, value]) => !isDeepStrictEqual(manifest[key], value));
  return [
    ...wrong.map(
      ([key, value]) => `${key} is ${JSON.stringify(manifest[key])}, not ${JSON.stringify(value)}`,
    ),
    ...forbidden.filter((key) => manifest[key] !== undefined).map((key) => `${key} must not be set`),
    ...forbiddenScripts
      .filter((key) => manifest.scripts?.[key] !== undefined)
      .map((key) => `script ${key} would run on the user's machine`),
    ...(manifest.files?.includes("dist") ? [] : ["files does not name dist"]),
  ];
}

/** @param {Package} pkg */
function exportMap({ manifest }) {
  const { "./package.json": self, ...entries } = manifest.exports ?? {};
  const problems = self === "./package.json" ? [] : ['exports has no "./package.json"'];
  if (entries["."] === undefined) problems.push('exports has no "."');
  for (const [path, entry] of Object.entries(entries)) {
    const [first, ...others] = Object.entries(entry ?? {});
    const inDist = /^\.\/dist\/.+\.js$/.test(entry?.default ?? "");
    if (first?.[0] !== "types" || others.length !== 1 || others[0]?.[0] !== "default" || !inDist)
      problems.push(`exports["${path}"] is not { types, default } in dist, in this order`);
    else if (first[1] !== entry.default.replace(/\.js$/, ".d.ts"))
      problems.push(`exports["${path}"].types is not beside its code`);
  }
  return problems;
}

/** @param {Package} pkg */
function readme({ name, folder }) {
  const file = join(folder, "README.md");
  if (!existsSync(file)) return ["no README.md"];
  const lines = readFileSync(file, "utf8").split("\n");
  const fence = lines.findIndex((line) => line.startsWith("```"));
  return [
    ...(lines[0] === `# ${name}` ? [] : [`README.md does not begin with "# ${name}"`]),
    ...(fence >= 0 && fence < codeByLine ? [] : [`README.md shows no code by line ${codeByLine}`]),
  ];
}

/**
 * Packages whose code another package has in its bundles, and whose other files, such as an addon, it finds at run time: those have to be of
 * the same version.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const exact = { "@userpci/cli": ["@userpci/sysfs", "@userpci/testbed", "@userpci/vfio-native", "userpci"] };

/** @param {Package} pkg @param {Set<string>} ours */
function workspaceRanges({ name, manifest }, ours) {
  const wanted = (/** @type {string} */ dependency) =>
    exact[name]?.includes(dependency) ? "workspace:*" : "workspace:^";
  return dependencyFields.flatMap((field) =>
    Object.entries(manifest[field] ?? {})
      .filter(([dependency, range]) => ours.has(dependency) && range !== wanted(dependency))
      .map(([dependency, range]) => `${name}: ${dependency} is ${range}, not ${wanted(dependency)}`),
  );
}

/** @param {Package[]} packages @param {Set<string>} ours */
function sharedVersions(packages, ours) {
  /** @type {Map<string, Map<string, string[]>>} */
  const ranges = new Map();
  for (const { name, manifest } of packages)
    for (const field of dependencyFields)
      for (const [dependency, range] of Object.entries(manifest[field] ?? {})) {
        const users = ranges.get(dependency) ?? new Map();
        ranges.set(dependency, users.set(range, [...(users.get(range) ?? []), name]));
      }
  return [...ranges]
    .filter(([dependency, users]) => users.size > 1 && !ours.has(dependency))
    .map(([dependency, users]) => {
      const found = [...users].map(([range, names]) => `${range} in ${names.join(", ")}`);
      return `${dependency} has several ranges (${found.join("; ")}): name it once in the catalog`;
    });
}
