import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const packageFolder = dirname(require.resolve("@userpci/tests/package.json"));
const sourceFolder = join(packageFolder, "native/one-access/trap");
const outputFolder = join(sourceFolder, "build");
// No red zone: samples push and pop in the middle of a function.
const flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-mno-red-zone"];

/** Why this machine cannot run the trap, or undefined if it can. */
export function trapObstacle(): string | undefined {
  if (process.platform !== "linux")
    return `the trap needs Linux's signal contexts, this is ${process.platform}`;
  if (process.arch !== "x64") return `the decoder knows x86-64 instructions only, this is ${process.arch}`;
  return undefined;
}

/**
 * Compiles the addon in `trap/` unless the same sources were compiled before.
 *
 * @returns its path
 */
export function buildTrap(): string {
  const sources = readdirSync(sourceFolder)
    .filter((name) => /\.(cc|h)$/.test(name))
    .sort();
  const hash = createHash("sha256").update(flags.join(" "));
  for (const name of sources) hash.update(name).update(readFileSync(join(sourceFolder, name)));
  const target = join(outputFolder, `trap-${hash.digest("hex").slice(0, 16)}.node`);
  if (existsSync(target)) return target;
  mkdirSync(outputFolder, { recursive: true });
  // Compiled beside and renamed: two runs at once must not load half a file.
  const partial = `${target}.${process.pid}`;
  const headers = require("node-api-headers").include_dir as string;
  const inputs = sources.filter((name) => name.endsWith(".cc")).map((name) => join(sourceFolder, name));
  execFileSync("g++", [...flags, "-I", headers, "-o", partial, ...inputs], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  renameSync(partial, target);
  for (const name of readdirSync(outputFolder)) {
    if (name.endsWith(".node") && join(outputFolder, name) !== target)
      rmSync(join(outputFolder, name), { force: true });
  }
  return target;
}
