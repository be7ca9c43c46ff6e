import { type BindProgress, type DriverOptions, describeHolders } from "@userpci/sysfs";
import type { CommandCall } from "./command.ts";
import { ProgressLine } from "./progress-line.ts";
import { optionMilliseconds } from "./seconds.ts";
import { Stop } from "./stop.ts";

/**
 * Runs a `bind` or `unbind` that waits for the kernel as `--timeout` says, with a note for whoever watches. The first signal
 * stops it in order: what can be taken back is, and what the kernel is at is reported. The second ends the command.
 *
 * @throws WrongValue for a `--timeout` that is none
 */
export async function waiting<T>(
  call: CommandCall,
  work: (options: DriverOptions) => Promise<T>,
): Promise<T> {
  const timeoutMs = timeoutOf(call);
  using stop = new Stop((signal) => new Error(`interrupted by ${signal}`));
  using progress = new ProgressLine(call.terminal);
  return await work({
    ...(timeoutMs !== undefined && { timeoutMs }),
    signal: stop.signal,
    onProgress: (step) => {
      if (step.elapsedMs > 0) progress.update(waitText(step), step.elapsedMs);
    },
  });
}

/**
 * The milliseconds that `--timeout` says, if it was given. Commands ask before they plan: a plan does not wait, and refuses what means nothing
 * too.
 *
 * @throws WrongValue for what is no number of seconds
 */
export function timeoutOf(call: CommandCall): number | undefined {
  return optionMilliseconds(call, "timeout", 0.001);
}

function waitText({ address, step, holders }: BindProgress): string {
  const who = describeHolders(holders);
  return `${address}: waiting for the kernel (${step})${who === "" ? "" : `; open in ${who}`}`;
}
