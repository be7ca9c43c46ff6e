// The package manager, at the version that package.json names, whatever this machine has.
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CommandError, capture, onPath } from "./process.mjs";

/**
 * The version that `packageManager` of the root package.json asks for.
 * @param {string} root
 * @returns {string}
 */
export function wantedPnpm(root) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const version = /^pnpm@(\d+\.\d+\.\d+)$/.exec(packageManager)?.[1];
  if (version === undefined) throw new CommandError(`packageManager is ${packageManager}, not pnpm@x.y.z`);
  return version;
}

/**
 * Finds pnpm at exactly this version: on PATH, or through npx, which downloads it once into npm's cache.
 * @param {string} version
 * @returns {Promise<string>} the folder that holds the `pnpm` command
 */
export async function findPnpm(version) {
  const installed = onPath("pnpm");
  if (installed !== undefined && (await versionOf(installed)) === version) return dirname(installed);
  const command = await capture("npx", ["--yes", `--package=pnpm@${version}`, "-c", "command -v pnpm"]);
  return dirname(command.trim());
}

/**
 * @param {string} pnpm
 * @returns {Promise<string | undefined>} undefined when it does not run, as a shim without a network
 */
async function versionOf(pnpm) {
  // Away from the repository: inside it, another version of pnpm would replace itself and answer for that one.
  const cwd = tmpdir();
  return capture(pnpm, ["--version"], { cwd }).then(
    (printed) => printed.trim(),
    () => undefined,
  );
}
