// The root commands as data: `npm run NAME` runs this once the packages are installed and built.
import { join } from "node:path";
import { root } from "./workspace.mjs";

/**
 * @typedef {object} Command
 * @property {readonly string[]} argv a script for this Node, then its arguments; the user's own follow
 * @property {Record<string, string>} [env]
 * @property {boolean} [sources] needs the sources only, not the build
 * @property {string} [builds] the only package that it needs, with those that that imports; default: all
 * @property {"optional"} [compiler] does something also where the addon cannot be compiled
 */

const vitest = "node_modules/vitest/vitest.mjs";
const userpci = "packages/cli/bin/userpci.js";

/** @type {Readonly<Record<string, Command>>} */
const table = {
  build: { argv: [] },
  check: { argv: ["scripts/check.mjs"] },
  fix: { argv: ["node_modules/@biomejs/biome/bin/biome", "check", "--write", "."], sources: true },
  docs: { argv: ["node_modules/typedoc/bin/typedoc"] },
  demo: { argv: [userpci, "demo"], builds: "@userpci/cli", compiler: "optional" },
  "demo:vm": { argv: [userpci, "demo", "--vm"] },
  bench: { argv: ["benchmarks/run.mjs"] },
  test: { argv: [vitest, "run"] },
  "test:fast": { argv: [vitest, "run", "--project", "unit", "--project", "native"] },
  "test:soak": { argv: [vitest, "run", "--project", "soak"], env: { USERPCI_SOAK: "full" } },
  "soak:mapping": { argv: ["tests/dist/soak/mapping-main.js"] },
  fuzz: { argv: ["tests/dist/fuzz/main.js"] },
  "test:nodes": { argv: ["scripts/test-nodes.mjs"] },
};

/** Names of the commands, for a message. */
export const commandNames = Object.keys(table);

/**
 * @param {string} name
 * @returns {Command | undefined} with its script as an absolute path
 */
export function findCommand(name) {
  const command = Object.hasOwn(table, name) ? table[name] : undefined;
  if (command === undefined) return undefined;
  const [script, ...args] = command.argv;
  return script === undefined ? command : { ...command, argv: [join(root, script), ...args] };
}
