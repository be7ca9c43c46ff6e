import { PciError } from "@userpci/interface";
import { type BindProgress, type DriverOptions, describeHolders } from "@userpci/sysfs";
import { type CommandCall, ofCommandLine, optionText } from "./command.ts";

/** Longest time that a timer can measure, in seconds. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** What a user stops a command with. */
const interrupts: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a `bind` or `unbind` that waits for the kernel as `--timeout` says, with a note for whoever watches. The first signal
 * stops it in order: what can be taken back is, and what the kernel is at is reported. The second ends the command.
 */
export async function waiting<T>(
  call: CommandCall,
  work: (options: DriverOptions) => Promise<T>,
): Promise<T> {
  const seconds = optionText(call, "timeout");
  const timeoutMs = seconds === undefined ? undefined : await ofCommandLine(() => milliseconds(seconds));
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => stop.abort(new Error(`interrupted by ${signal}`));
  for (const signal of interrupts) process.once(signal, onSignal);
  try {
    return await work({
      ...(timeoutMs !== undefined && { timeoutMs }),
      signal: stop.signal,
      onProgress: (progress) => {
        if (progress.elapsedMs > 0) call.terminal.note(`${waitText(progress)}\n`);
      },
    });
  } finally {
    for (const signal of interrupts) process.removeListener(signal, onSignal);
  }
}

function waitText({ address, step, elapsedMs, holders }: BindProgress): string {
  const who = describeHolders(holders);
  const seconds = Math.round(elapsedMs / 1000);
  return `${address}: waiting for the kernel (${step}, ${seconds} s)${who === "" ? "" : `; open in ${who}`}`;
}

function milliseconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== "" && seconds > 0 && seconds <= MAX_SECONDS) return Math.ceil(seconds * 1000);
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not a number of seconds`, {
    hint: `give a number above 0, up to ${MAX_SECONDS}`,
  });
}
