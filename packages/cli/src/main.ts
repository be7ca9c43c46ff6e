import { PciError } from "@userpci/interface";
import { dropIns } from "./drop-in.ts";
import { exitStatus } from "./exit-status.ts";
import { endBesideLoadedCode } from "./loaded-code.ts";
import { run } from "./run.ts";
import { processTerminal } from "./terminal.ts";
import { expectShortRun } from "./tier-up.ts";

let lost = false;
let lossStatus: number = exitStatus.failed;
const terminal = Object.assign(processTerminal(onLoss), {
  failWith(status: number): void {
    lossStatus = status;
  },
});

function onLoss(error: NodeJS.ErrnoException): void {
  // A reader that has seen enough (`| head`) is no failure. The command goes on: it may have something to give back.
  if (error.code === "EPIPE" || lost) return;
  lost = true;
  process.exitCode = lossStatus;
  void reportLoss(error);
}

async function reportLoss(cause: NodeJS.ErrnoException): Promise<void> {
  const { reportFailure } = await import("./failure.ts");
  const { code = "EIO" } = cause;
  const hint = "is the disk full that it goes to? what is missing was not printed";
  const error = new PciError(code, `standard output cannot be written: ${code}`, { hint, cause });
  reportFailure(error, terminal, "text");
}

const [command] = process.argv.slice(2);
// Drop-ins are over before code that V8 optimizes has paid for it.
if (dropIns.some(({ name }) => name === command)) expectShortRun();

// Not awaited here: the build makes CommonJS of this, where only functions can wait.
void run(process.argv.slice(2), terminal).then((status) => {
  process.exitCode = lost ? lossStatus : status;
  endBesideLoadedCode();
});
