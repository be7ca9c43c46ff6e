import { run } from "./run.ts";
import { processTerminal } from "./terminal.ts";

// A reader that has seen enough (`| head`) ends the program quietly.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

process.exitCode = await run(process.argv.slice(2), processTerminal());
