// Runs one of the root commands on a machine that may have nothing but Node and npm.
//
//   node scripts/run.mjs <command> [arguments for the command]
//
// Compiler, packages and build come first, each only when it is missing or out of date. Uses nothing that has to be
// installed.
import { delimiter } from "node:path";
import { build } from "./build.mjs";
import { commandNames, findCommand } from "./commands.mjs";
import { ensureInstalled } from "./install.mjs";
import { attach, CommandError } from "./process.mjs";
import { ensureToolchain, hasToolchain } from "./toolchain.mjs";
import { root } from "./workspace.mjs";

/** The oldest Node that the packages support. */
const oldest = { major: 20, minor: 19 };

/**
 * @param {string | undefined} name
 * @param {string[]} args
 * @returns {Promise<number>} exit status
 */
async function main(name, args) {
  requireNode();
  const command = findCommand(name ?? "");
  if (command === undefined) throw new CommandError(`Unknown command. Commands: ${commandNames.join(", ")}.`);
  const hasCompiler = hasToolchain();
  if (!command.sources && !hasCompiler) {
    // The packages then have no addon, and the build is another one for turbo.
    if (command.compiler === "optional") process.env["USERPCI_WITHOUT_ADDON"] = "1";
    else await ensureToolchain();
  }
  const pnpm = await ensureInstalled();
  // turbo and the release tests run `pnpm` by name.
  process.env.PATH = `${pnpm}${delimiter}${process.env.PATH}`;
  if (!command.sources) await build(command.builds);
  if (command.argv.length === 0) return 0;
  return attach(process.execPath, [...command.argv, ...args], { cwd: root, env: command.env ?? {} });
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return;
  throw new CommandError(
    `Node ${oldest.major}.${oldest.minor} or later is needed; this is ${process.versions.node}.`,
  );
}

try {
  const [name, ...args] = process.argv.slice(2);
  process.exitCode = await main(name, args);
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = error.status;
}
