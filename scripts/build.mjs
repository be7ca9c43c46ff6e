// Builds every package that has changed since it was last built.
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache.mjs";
import { leftovers } from "./leftovers.mjs";
import { capture } from "./process.mjs";
import { step } from "./progress.mjs";
import { publicPackages, root } from "./workspace.mjs";

const turbo = join(root, "node_modules", ".bin", "turbo");

/** Everything as one plain log, nothing sent anywhere; a task sees the whole environment, as it would without turbo. */
const flags = [
  "--output-logs=errors-only",
  "--log-order=grouped",
  "--ui=stream",
  "--env-mode=loose",
  "--concurrency=100%",
  // Shared by all working copies: what one has built, another unpacks.
  `--cache-dir=${cacheFolder("build")}`,
];
const env = {
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  // The CLI brings what this Node's V8 makes of its code: another build of Node builds anew (`globalEnv` of turbo.json).
  USERPCI_BUILD_NODE: `${process.version} ${process.arch} ${statSync(process.execPath).size}`,
};

/**
 * @param {string} [name] of the one package that is needed, with those that it imports; default: all
 * @throws {CommandError} with the failing package's output
 */
export async function build(name) {
  for (const { folder } of publicPackages()) {
    for (const path of leftovers(folder)) rmSync(join(folder, path));
  }
  const filter = name === undefined ? [] : [`--filter=${name}...`];
  await step("Building packages", () =>
    capture(turbo, ["run", "build", ...filter, ...flags], { cwd: root, env }),
  );
}
