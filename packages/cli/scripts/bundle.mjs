// Puts what `userpci lspci` and `userpci setpci` load into a few files of CommonJS. Scripts run them over and over, and Node
// takes longer to find and link a hundred modules than they take to work. Other commands are loaded as they were compiled.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const names = "bundled-[name].cjs";

const bundle = await rolldown({
  input: join(dist, "main.js"),
  platform: "node",
  tsconfig: false,
  external: [/\/program\.js$/, /\/failure\.js$/],
});
for (const file of readdirSync(dist)) if (file.endsWith(".cjs")) rmSync(join(dist, file));
await bundle.write({
  dir: dist,
  format: "cjs",
  entryFileNames: names,
  chunkFileNames: names,
  comments: false,
  minify: true,
});
