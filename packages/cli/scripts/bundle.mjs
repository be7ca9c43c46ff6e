// Puts what `userpci lspci` and `userpci setpci` load into a file of CommonJS each. Scripts run them over and over, and Node
// takes longer to find and link a hundred modules than they take to work. Other commands are loaded as they were compiled.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { loadRarePrinters, rarePrinters } from "./rare.mjs";
import { pureFunctions, tables } from "./tables.mjs";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const codeCache = join(dist, "code-cache.js");
const common = {
  platform: /** @type {const} */ ("node"),
  tsconfig: /** @type {const} */ (false),
  external: [/\/program\.js$/, /\/failure\.js$/],
};
const output = { format: /** @type {const} */ ("cjs"), comments: false, minify: true };

/**
 * A file of CommonJS, under a name that changes with its content: what V8 keeps of it goes by that name.
 * @param {string} name
 * @param {import("rolldown").InputOptions} options
 */
async function bundleFile(name, options) {
  const bundle = await rolldown({ ...common, ...options });
  const { output: files } = await bundle.generate({ ...output, codeSplitting: false });
  const [{ code }] = files;
  const file = `bundled-${name}-${createHash("sha256").update(code).digest("hex").slice(0, 12)}.cjs`;
  writeFileSync(join(dist, file), code);
  return file;
}

/** @param {string} command */
const inputOf = (command) => join(dist, command, "run.js");

/** lspci, which loads the printers of rare capabilities by their bundle. */
async function bundleLspci() {
  const folder = fileURLToPath(new URL(".", import.meta.resolve("@userpci/pci-config/lspci")));
  const treeshake = { manualPureFunctions: pureFunctions };
  const { input, plugin } = rarePrinters(folder);
  const rare = await bundleFile("rare", { input, treeshake, plugins: [plugin, tables(folder)] });
  const loader = loadRarePrinters(rare, codeCache);
  return bundleFile("lspci", { input: inputOf("lspci"), treeshake, plugins: [loader, tables(folder)] });
}

/**
 * The rest, which loads a command by its bundle.
 * @param {Readonly<Record<string, string>>} names of the bundles
 */
async function bundleMain(names) {
  const compiled = /^\.\/(\w+)\/run\.js$/;
  const bundle = await rolldown({
    ...common,
    input: join(dist, "main.js"),
    plugins: [
      {
        name: "commands",
        resolveId: (source) =>
          compiled.test(source) ? { id: `\0${source}`, moduleSideEffects: true } : null,
        load(id) {
          const [, command] = compiled.exec(id.slice(1)) ?? [];
          if (!id.startsWith("\0") || command === undefined) return null;
          return `import { loadCompiled } from ${JSON.stringify(codeCache)};
            export const { runDropIn } = loadCompiled(__dirname + "/${names[command]}", require);`;
        },
      },
    ],
  });
  await bundle.write({ ...output, file: join(dist, "bundled-main.cjs"), codeSplitting: false });
}

for (const file of readdirSync(dist)) if (/\.cjs(-|$)/.test(file)) rmSync(join(dist, file));
const lspci = await bundleLspci();
const setpci = await bundleFile("setpci", { input: inputOf("setpci") });
await bundleMain({ lspci, setpci });
// In a process whose V8 has the flags of a command's, and no others.
const precompile = fileURLToPath(new URL("precompile.mjs", import.meta.url));
execFileSync(process.execPath, [precompile], { env: { ...process.env, NODE_OPTIONS: "" } });
