import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportedNames } from "./exports.ts";
import { repository, run, type Tarball } from "./repository.ts";

/** A package manager that users install with. */
export type Manager = "npm" | "pnpm";

const programs = fileURLToPath(new URL("./programs", import.meta.url));
const installCommand = {
  npm: ["install", "--no-audit", "--no-fund"],
  pnpm: ["install", "--config.confirmModulesPurge=false"],
} as const;

/** Compiler options of a strict user, who checks the declarations of libraries too. */
const compilerOptions = {
  target: "es2022",
  module: "nodenext",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  types: ["node"],
  outDir: "out",
  rootDir: "src",
};

/** A project outside the repository that depends on our tarballs, with nothing on PATH but Node and package managers. */
export class Consumer implements Disposable {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #tarballs: readonly Tarball[];
  readonly #manager: Manager;

  constructor(manager: Manager, tarballs: readonly Tarball[]) {
    this.#manager = manager;
    this.#tarballs = tarballs;
    this.folder = mkdtempSync(join(realpathSync(tmpdir()), `userpci-consumer-${manager}-`));
    chmodSync(this.folder, 0o755); // The guest's ordinary user reads it.
    this.#env = { ...environmentWithoutNpm(), PATH: this.#bareCommands() };
    this.#writeManifest();
  }

  /** Names of our packages that the project depends on. */
  get packages(): readonly string[] {
    return this.#tarballs.map(({ name }) => name);
  }

  /** Installs with the package manager and returns everything it said. */
  async install(): Promise<string> {
    const { stdout, stderr } = await run(this.#manager, installCommand[this.#manager], this.#options());
    return stdout + stderr;
  }

  /** package.json of one of our packages as it was installed. */
  manifest(name: string): Record<string, unknown> & { exports: Record<string, unknown> } {
    return JSON.parse(readFileSync(join(this.installed(name), "package.json"), "utf8"));
  }

  /** Where one of our packages was installed. */
  installed(name: string): string {
    return realpathSync(join(this.folder, "node_modules", name));
  }

  /**
   * Writes the programs, with one that names every export of every entry point, and compiles them.
   *
   * @returns how many names each entry point exports
   */
  async compile(): Promise<Map<string, number>> {
    const source = join(this.folder, "src");
    mkdirSync(source);
    for (const file of readdirSync(programs)) copyFileSync(join(programs, file), join(source, file));
    const names = exportedNames(this.folder, this.#entryPoints());
    const statements = [...names].map(([specifier, exported], i) => {
      writeFileSync(
        join(source, `entry-${i}.ts`),
        `export { ${exported.join(", ")} } from "${specifier}";\n`,
      );
      return `import "./entry-${i}.js";\n`;
    });
    writeFileSync(join(source, "all-exports.ts"), statements.join(""));
    writeFileSync(join(this.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
    await this.node([join(repository, "node_modules/typescript/bin/tsc"), "-p", "."]);
    return new Map([...names].map(([specifier, exported]) => [specifier, exported.length]));
  }

  /** Compiles a program as somebody does who writes for a browser, and has no types of Node. */
  async compileForBrowser(program: string): Promise<void> {
    const source = join(this.folder, "browser");
    mkdirSync(source);
    writeFileSync(join(source, "program.ts"), program);
    const options = { ...compilerOptions, lib: ["es2022", "dom"], types: [], outDir: "out", rootDir: "." };
    writeFileSync(join(source, "tsconfig.json"), JSON.stringify({ compilerOptions: options }));
    await this.node([join(repository, "node_modules/typescript/bin/tsc"), "-p", "browser"]);
  }

  /** Runs Node in the project. */
  node(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    return run("node", args, this.#options());
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #options(): { cwd: string; env: NodeJS.ProcessEnv } {
    return { cwd: this.folder, env: this.#env };
  }

  /** A folder with Node and the package managers, and no compiler. */
  #bareCommands(): string {
    const folder = join(this.folder, ".commands");
    mkdirSync(folder);
    symlinkSync(process.execPath, join(folder, "node"));
    symlinkSync(findCommand("npm"), join(folder, "npm"));
    symlinkSync(findCommand("pnpm"), join(folder, "pnpm"));
    return folder;
  }

  #writeManifest(): void {
    const ours = Object.fromEntries(this.#tarballs.map(({ name, filename }) => [name, `file:${filename}`]));
    const types = JSON.parse(readFileSync(join(repository, "node_modules/@types/node/package.json"), "utf8"));
    const manifest = {
      name: "consumer",
      private: true,
      type: "module",
      dependencies: { ...ours, "@types/node": types.version },
      // Between themselves our packages ask for versions that no registry has yet.
      overrides:
        this.#manager === "npm"
          ? Object.fromEntries(Object.keys(ours).map((name) => [name, `$${name}`]))
          : {},
      pnpm: { overrides: ours },
    };
    writeFileSync(join(this.folder, "package.json"), JSON.stringify(manifest, null, 2));
  }

  /** Import specifiers of every entry point of every package. */
  #entryPoints(): string[] {
    return this.packages.flatMap((name) =>
      Object.keys(this.manifest(name).exports)
        .filter((path) => path !== "./package.json")
        .map((path) => name + path.slice(1)),
    );
  }
}

/** This environment without what an enclosing `npm run` told its children. */
function environmentWithoutNpm(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|pnpm_|NODE_OPTIONS|VITEST)/i.test(name),
  );
  return Object.fromEntries(kept);
}

function findCommand(name: string): string {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    try {
      return realpathSync(join(folder, name));
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`${name} is not on PATH: start the tests with npm test`);
}
