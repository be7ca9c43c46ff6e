// Puts what `userpci lspci`, `setpci`, `list` and every `--help` load into a file of CommonJS each. Scripts run them over and
// over, and Node takes longer to find and link a hundred modules than they take to work. Other commands are loaded in pieces.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { Pieces } from "./pieces.mjs";
import { loadRarePrinters, rarePrinters } from "./rare.mjs";
import { pureFunctions, tables } from "./tables.mjs";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const codeCache = join(dist, "code-cache.js");
const common = {
  platform: /** @type {const} */ ("node"),
  tsconfig: /** @type {const} */ (false),
  external: [/\/failure\.js$/],
};
const pieces = new Pieces(dist);
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
 * The plugin that loads modules by their bundles.
 * @param {Readonly<Record<string, readonly string[]>>} bundles by how the module is imported: file, what it exports, and what it imports by
 * @returns {import("rolldown").Plugin}
 */
function loadBundles(bundles) {
  return {
    name: "bundles",
    resolveId: (source) =>
      Object.hasOwn(bundles, source) ? { id: `\0${source}`, moduleSideEffects: true } : null,
    load(id) {
      const [file, exported, importModule = "undefined"] =
        (id.startsWith("\0") && bundles[id.slice(1)]) || [];
      if (file === undefined) return null;
      return `import { loadCompiled } from ${JSON.stringify(codeCache)};
        export const { ${exported} } = loadCompiled(__dirname + "/${file}", require, ${importModule});`;
    },
  };
}

/**
 * The plugin that imports pieces when they are needed, but for other bundles.
 * @param {Readonly<Record<string, unknown>>} bundles by how the module is imported
 * @returns {import("rolldown").Plugin}
 */
function importPieces(bundles) {
  const imported = /\bimport\("([^"]+)"\)/g;
  return {
    name: "imports",
    transform(code, id) {
      if (!id.startsWith(dist)) return null;
      return code.replace(imported, (whole, source) => {
        if (Object.hasOwn(bundles, source)) return whole;
        return `importModule(${JSON.stringify(pieces.specifier(source, id))})`;
      });
    },
  };
}

/**
 * What parses the command line and prints help and results.
 * @param {Readonly<Record<string, readonly string[]>>} bundles what it loads besides pieces, see {@link loadBundles}
 */
function bundleProgram(bundles) {
  return bundleFile("program", {
    input: join(dist, "program.js"),
    plugins: [loadBundles(bundles), importPieces(bundles)],
  });
}

for (const file of readdirSync(dist)) if (/\.cjs(-|$)/.test(file)) rmSync(join(dist, file));
const lspci = await bundleLspci();
const setpci = await bundleFile("setpci", { input: inputOf("setpci") });
const list = await bundleFile("list", { input: join(dist, "commands/list.js") });
const dropIns = { "./lspci/run.js": [lspci, "runDropIn"], "./setpci/run.js": [setpci, "runDropIn"] };
const program = await bundleProgram({ ...dropIns, "../commands/list.js": [list, "run", "importModule"] });
const main = await rolldown({
  ...common,
  input: join(dist, "main.js"),
  plugins: [
    loadBundles({
      ...dropIns,
      "./program.js": [program, "runProgram", "(specifier) => import(specifier)"],
    }),
  ],
});
await main.write({ ...output, file: join(dist, "bundled-main.cjs"), codeSplitting: false });
await pieces.write();
// In processes whose V8 has the flags of a command's, and no others.
const precompile = fileURLToPath(new URL("precompile.mjs", import.meta.url));
for (const kind of ["short", "any"]) {
  execFileSync(process.execPath, [precompile, kind], { env: { ...process.env, NODE_OPTIONS: "" } });
}
