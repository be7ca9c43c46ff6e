// Puts what V8 makes of each bundle beside it: the first run of a command then compiles nothing, with this build of Node.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { compile, doubled, packedPath } from "../dist/code-cache.js";
import { expectShortRun } from "../dist/tier-up.js";

const dist = fileURLToPath(new URL("../dist", import.meta.url));

/** Bundles of commands that may run for long, and so under V8's own flags. */
const anyRun = /^bundled-(program|list)-\w+\.cjs$/;
const wanted = process.argv[2];

// V8 notes its flags in what it makes, and refuses it under others.
if (wanted === "short") expectShortRun();
const bundles = readdirSync(dist).filter((name) => /^bundled-.*-\w+\.cjs$/.test(name));
for (const file of bundles.filter((name) => anyRun.test(name) === (wanted === "any"))) {
  const path = join(dist, file);
  // Every function, not only those that ran.
  setFlagsFromString("--no-lazy");
  // Its name alone: where it was built is nobody's business.
  const script = compile(path, undefined, file);
  setFlagsFromString("--lazy");
  writeFileSync(packedPath(path), doubled(script.createCachedData()));
}
