// Starts the benchmark: `npm run bench`.
//
// V8's memory reducer keeps a timer of 8 s pending after each full collection. A loop with a timer has the kernel arm one at
// each wait, 0.6 µs that a C loop without one does not pay; a process at rest has none, so neither has this one.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("dist/main.js", import.meta.url));
const argv = ["--no-memory-reducer", main, ...process.argv.slice(2)];
process.exitCode = spawnSync(process.execPath, argv, { stdio: "inherit" }).status ?? 1;
