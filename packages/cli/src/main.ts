import { PciError } from "@userpci/interface";
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

// Not awaited here: the build makes CommonJS of this, where only functions can wait.
void run(process.argv.slice(2), terminal).then((status) => {
  process.exitCode = lost ? exitStatus.failed : status;
});
