import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("../c", import.meta.url));
const output = fileURLToPath(new URL("../build", import.meta.url));
const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread"];

/** The compiler of a program, by what its file's name ends in. */
const compilers = { ".c": ["gcc", "-std=gnu11"], ".cc": ["g++", "-std=gnu++17"] } as const;
type Suffix = keyof typeof compilers;

/** What every program is linked with. */
const shared = ["round.c", "round.h"];

/** The programs in `c/`: what each is made of. */
const files: ReadonlyMap<string, string> = new Map(
  readdirSync(sources)
    .filter((file) => extname(file) in compilers && !shared.includes(file))
    .map((file) => [basename(file, extname(file)), file]),
);

/** The sources that a program has beside its own, below `c/`. */
const parts: Readonly<Partial<Record<string, readonly string[]>>> = JSON.parse(
  readFileSync(join(sources, "parts.json"), "utf8"),
);

/** The headers of those sources. */
function headersOf(name: string): string[] {
  const folders = new Set((parts[name] ?? []).map((file) => dirname(file)));
  return [...folders].flatMap((folder) =>
    readdirSync(join(sources, folder))
      .filter((file) => extname(file) === ".h")
      .sort()
      .map((file) => join(folder, file)),
  );
}

/** Names of the programs in `c/`. */
export const programs: readonly string[] = [...files.keys()];

/** Where a program is once {@link compilePrograms} has made it: its name tells its contents. */
export function programPath(name: string): string {
  const hash = createHash("sha256").update(flags.join(" "));
  const content = [...shared, files.get(name)!, ...(parts[name] ?? []), ...headersOf(name)];
  for (const file of content) hash.update(readFileSync(join(sources, file)));
  return join(output, `${name}-${hash.digest("hex").slice(0, 16)}`);
}

/** Makes `output` of a program's sources and what all share, which is C whatever the program is written in. */
function compile(name: string, output: string): void {
  const file = files.get(name)!;
  const [compiler, standard] = compilers[extname(file) as Suffix];
  const object = `${output}.round.o`;
  const run = (command: string, ...args: string[]): unknown =>
    execFileSync(command, [...flags, ...args], { stdio: ["ignore", 2, 2] });
  run("gcc", compilers[".c"][1], "-c", "-o", object, join(sources, "round.c"));
  const own = [file, ...(parts[name] ?? [])].map((part) => join(sources, part));
  run(compiler, standard, "-o", output, ...own, object);
  rmSync(object);
}

/** Compiles a program if it has changed; others may do the same meanwhile. @returns {@link programPath} */
export function compileProgram(name: string): string {
  const target = programPath(name);
  if (existsSync(target)) return target;
  mkdirSync(output, { recursive: true });
  const partial = `${target}.${process.pid}.partial`;
  compile(name, partial);
  renameSync(partial, target);
  return target;
}

/** Compiles the programs that have changed, and removes older ones. */
export function compilePrograms(): void {
  for (const name of programs) compileProgram(name);
  const current = new Set(programs.map(programPath));
  for (const file of readdirSync(output)) {
    if (!current.has(join(output, file))) rmSync(join(output, file));
  }
}
