import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("../c", import.meta.url));
const output = fileURLToPath(new URL("../build", import.meta.url));
const flags = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-pthread"];

/** What every program is linked with. */
const shared = ["round.c", "round.h"];

/** Names of the programs in `c/`. */
export const programs: readonly string[] = readdirSync(sources)
  .filter((name) => name.endsWith(".c") && !shared.includes(name))
  .map((name) => name.slice(0, -2));

/** Where a program is once {@link compilePrograms} has made it: its name tells its contents. */
export function programPath(name: string): string {
  const hash = createHash("sha256").update(flags.join(" "));
  for (const file of [...shared, `${name}.c`]) hash.update(readFileSync(join(sources, file)));
  return join(output, `${name}-${hash.digest("hex").slice(0, 16)}`);
}

/** Compiles the programs that have changed, and removes older ones. */
export function compilePrograms(): void {
  mkdirSync(output, { recursive: true });
  for (const name of programs) {
    const target = programPath(name);
    if (existsSync(target)) continue;
    const inputs = [`${name}.c`, "round.c"].map((file) => join(sources, file));
    execFileSync("gcc", [...flags, "-o", `${target}.partial`, ...inputs], { stdio: ["ignore", 2, 2] });
    renameSync(`${target}.partial`, target);
  }
  const current = new Set(programs.map(programPath));
  for (const file of readdirSync(output)) {
    if (!current.has(join(output, file))) rmSync(join(output, file));
  }
}
