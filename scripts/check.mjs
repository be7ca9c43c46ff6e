// Everything that can be known without running the code: style, types, architecture, manifests, tarballs.
//
//   npm run check [-- NAME...]
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { checkBuilt } from "./checks/built.mjs";
import { checkImports } from "./checks/imports.mjs";
import { checkManifests } from "./checks/manifests.mjs";
import { checkSizes } from "./checks/sizes.mjs";
import { checkTarballs } from "./checks/tarballs.mjs";
import { CommandError, capture } from "./process.mjs";
import { root } from "./workspace.mjs";

/**
 * @typedef {object} Check
 * @property {string} what
 * @property {() => Promise<readonly string[]>} run gives one text for each problem
 */

/** The longest ones first. The lock file is not here: run.mjs has installed from it, frozen, before. */
/** @type {Readonly<Record<string, Check>>} */
const checks = {
  tarballs: { what: "what would be published: contents, publint, attw", run: checkTarballs },
  types: { what: "types of packages, tests and scripts", run: checkTypes },
  docs: {
    what: "the API reference, without a warning",
    run: () => tool("typedoc", "--emit", "none", "--logLevel", "Warn"),
  },
  style: { what: "Biome", run: () => tool("biome", "check", "--diagnostic-level=error") },
  imports: { what: "imports against the architecture", run: async () => checkImports() },
  built: { what: "every package is built, and imports no source", run: async () => checkBuilt() },
  manifests: { what: "package.json and README of each package", run: async () => checkManifests() },
  sizes: { what: "length of files, nothing unfinished", run: async () => checkSizes() },
};

async function checkTypes() {
  await tool("tsc", "-b");
  const others = ["tsconfig.test.json", "scripts"].map((config) => tool("tsc", "-p", config));
  return (await Promise.all(others)).flat();
}

/**
 * @param {string} name
 * @param {string[]} args
 * @returns {Promise<readonly string[]>} nothing
 * @throws {CommandError} with what it printed, when it found something
 */
async function tool(name, ...args) {
  await capture(join(root, "node_modules", ".bin", name), args, { cwd: root });
  return [];
}

/** @param {string} name @param {Check} check */
async function perform(name, { what, run }) {
  const start = performance.now();
  const problems = await run().catch((error) => {
    if (error instanceof CommandError) return [error.message];
    throw error;
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const verdict = problems.length === 0 ? "ok    " : "FAILED";
  console.log(`${verdict}  ${name.padEnd(10)}${what}  ${seconds} s`);
  return problems;
}

/** @param {string[]} names */
async function main(names) {
  const unknown = names.filter((name) => !Object.hasOwn(checks, name));
  if (unknown.length > 0)
    throw new CommandError(`No check ${unknown.join(", ")}: ${Object.keys(checks).join(", ")}`);
  const waiting = Object.entries(checks).filter(([name]) => names.length === 0 || names.includes(name));
  /** @type {string[]} */
  const problems = [];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      problems.push(...(await perform(...next)));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (problems.length > 0) throw new CommandError(problems.join("\n\n"));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
}
