// What would be published: contents, publint and attw on the tarball of every package.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { isLeftOver } from "../leftovers.mjs";
import { CommandError, capture } from "../process.mjs";
import { publicPackages, root } from "../workspace.mjs";

/** @typedef {import("../workspace.mjs").Package} Package */
/** @typedef {{ name: string, filename: string }} Tarball */

const attw = join(root, "node_modules", ".bin", "attw");

/**
 * In every tarball. The licences come from the repository's top: pnpm adds the files that are called LICENSE.*, unless a
 * file anywhere in the package is called so; the licence of data that a package carries is called COPYING.
 */
const required = ["package.json", "README.md", "LICENSE.MIT", "LICENSE.Apache-2.0"];

/** What else may be in one. */
const permitted = [
  /^CHANGELOG\.md$/,
  /^bin\/([\w-]+\.js|package\.json)$/,
  /^data\/([\w.-]+|completion\/userpci\.(bash|fish|zsh))$/,
  /^schemas\/[\w-]+\.json$/,
  /^dist\/.*\.(js|d\.ts)$/,
  /^dist\/userpci\.1$/,
  /^dist\/bundled-[\w-]+\.cjs$/,
  // What V8 made of one.
  /^dist\/bundled-[\w-]+\.cjs-v[\d.]+-\w+-\d+$/,
  /^prebuilds\/.*\.node$/,
];

/** @returns {Promise<string[]>} one line or block for each problem */
export async function checkTarballs() {
  const folder = mkdtempSync(join(tmpdir(), "userpci-pack-"));
  try {
    const packages = new Map(publicPackages().map((pkg) => [pkg.name, pkg]));
    /** @type {string[]} */
    const problems = [];
    // One after the other: attw keeps a core busy, and the other checks run meanwhile.
    for (const tarball of await pack(folder)) {
      const pkg = packages.get(tarball.name);
      if (pkg === undefined) throw new Error(`${tarball.name} was packed but is not under packages/`);
      problems.push(
        ...(await contents(pkg, tarball)),
        ...(await lint(pkg, tarball)),
        ...(await resolveTypes(tarball)),
      );
    }
    return problems;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} destination
 * @returns {Promise<Tarball[]>}
 */
async function pack(destination) {
  const args = [
    "--recursive",
    "--filter",
    "./packages/*",
    "pack",
    "--json",
    "--pack-destination",
    destination,
  ];
  return JSON.parse(await capture("pnpm", args, { cwd: root }));
}

/** @param {Package} pkg @param {Tarball} tarball */
async function contents({ name, folder }, { filename }) {
  // Not from pnpm's own list, which leaves out the licences that it adds.
  const listed = await capture("tar", ["-tzf", filename]);
  const paths = listed
    .trimEnd()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""));
  return [
    ...required
      .filter((file) => !paths.includes(file))
      .map((file) => `${name}: ${file} is not in the tarball`),
    ...paths
      .filter((path) => !required.includes(path) && !permitted.some((pattern) => pattern.test(path)))
      .map((path) => `${name}: ${path} is in the tarball`),
    ...paths
      .filter((path) => isLeftOver(folder, path))
      .map((path) => `${name}: ${path} is left over from a source that is gone; build again`),
  ];
}

/** @param {Package} pkg @param {Tarball} tarball */
async function lint(pkg, { filename }) {
  const { buffer, byteOffset, byteLength } = readFileSync(filename);
  const tarball = /** @type {ArrayBuffer} */ (buffer.slice(byteOffset, byteOffset + byteLength));
  const { messages } = await publint({
    pack: { tarball },
    strict: true,
    level: "warning",
  });
  return messages.map(
    (message) => `${pkg.name}: publint: ${formatMessage(message, pkg.manifest, { color: false })}`,
  );
}

/** @param {Tarball} tarball */
async function resolveTypes({ filename }) {
  try {
    await capture(attw, ["--profile", "esm-only", "--no-color", filename]);
    return [];
  } catch (error) {
    if (error instanceof CommandError) return [error.message];
    throw error;
  }
}
