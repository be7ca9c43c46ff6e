import { setFlagsFromString } from "node:v8";
import { PciError } from "@userpci/interface";
import { dropIns } from "./drop-in.ts";
import { exitStatus } from "./exit-status.ts";
import { run } from "./run.ts";
import { processTerminal } from "./terminal.ts";

const terminal = processTerminal();
let lost = false;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no failure. The command goes on: it may have something to give back.
  if (error.code === "EPIPE" || lost) return;
  lost = true;
  process.exitCode = exitStatus.failed;
  void reportLoss(error);
});
// There is nowhere left to say it.
process.stderr.on("error", () => undefined);

async function reportLoss(cause: NodeJS.ErrnoException): Promise<void> {
  const { reportFailure } = await import("./failure.ts");
  const { code = "EIO" } = cause;
  const hint = "is the disk full that it goes to? what is missing was not printed";
  const error = new PciError(code, `standard output cannot be written: ${code}`, { hint, cause });
  reportFailure(error, terminal, false);
}

/** 32 times V8's own, 66 KiB (`node --v8-options`). Versions after Node 20's have no such flag, and would say so. */
const INTERRUPT_BUDGET = 32 * 66 * 1024;
const hasInterruptBudget = process.versions.v8.startsWith("11.");

const [command] = process.argv.slice(2);
if (hasInterruptBudget && dropIns.some(({ name }) => name === command)) {
  // Their tens of milliseconds are over before code that V8 optimizes has paid for it: a third of the time goes with it.
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}

// Not awaited here: the build makes CommonJS of this, where only functions can wait.
void run(process.argv.slice(2), terminal).then((status) => {
  process.exitCode = lost ? exitStatus.failed : status;
});
