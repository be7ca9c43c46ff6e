// Puts what `userpci lspci` and `userpci setpci` load into a file of CommonJS each. Scripts run them over and over, and Node
// takes longer to find and link a hundred modules than they take to work. Other commands are loaded as they were compiled.
import { createHash } from "node:crypto";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { pureFunctions, tables } from "./tables.mjs";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const common = {
  platform: /** @type {const} */ ("node"),
  tsconfig: /** @type {const} */ (false),
  external: [/\/program\.js$/, /\/failure\.js$/],
};
const output = { format: /** @type {const} */ ("cjs"), comments: false, minify: true };

/**
 * One command, under a name that changes with its content: what V8 keeps of it goes by that name.
 * @param {string} command
 * @param {import("rolldown").InputOptions} [options]
 */
async function bundleCommand(command, options = {}) {
  const bundle = await rolldown({ ...common, ...options, input: join(dist, command, "run.js") });
  const { output: files } = await bundle.generate({ ...output, codeSplitting: false });
  const [{ code }] = files;
  const name = `bundled-${command}-${createHash("sha256").update(code).digest("hex").slice(0, 12)}.cjs`;
  writeFileSync(join(dist, name), code);
  return name;
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
          return `import { loadCompiled } from ${JSON.stringify(join(dist, "code-cache.js"))};
            export const { runDropIn } = loadCompiled(__dirname + "/${names[command]}", require);`;
        },
      },
    ],
  });
  await bundle.write({ ...output, file: join(dist, "bundled-main.cjs"), codeSplitting: false });
}

for (const file of readdirSync(dist)) if (file.endsWith(".cjs")) rmSync(join(dist, file));
const printing = { plugins: [tables()], treeshake: { manualPureFunctions: pureFunctions } };
await bundleMain({ lspci: await bundleCommand("lspci", printing), setpci: await bundleCommand("setpci") });
