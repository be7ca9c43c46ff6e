import { PciError } from "@userpci/interface";
import { type BindProgress, type DriverOptions, describeHolders } from "@userpci/sysfs";
import { type CommandCall, optionText } from "./command.ts";

/** Longest time that a timer can measure, in seconds. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** How `bind` and `unbind` wait for the kernel: as `--timeout` says, and with a note for whoever watches. */
export function waiting(call: CommandCall): DriverOptions {
  const seconds = optionText(call, "timeout");
  return {
    ...(seconds !== undefined && { timeoutMs: milliseconds(seconds) }),
    onProgress: (progress) => {
      if (progress.elapsedMs > 0) call.terminal.note(`${waitText(progress)}\n`);
    },
  };
}

function waitText({ address, step, elapsedMs, holders }: BindProgress): string {
  const who = describeHolders(holders);
  const seconds = Math.round(elapsedMs / 1000);
  return `${address}: waiting for the kernel (${step}, ${seconds} s)${who === "" ? "" : `; open in ${who}`}`;
}

function milliseconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== "" && seconds > 0 && seconds <= MAX_SECONDS) return seconds * 1000;
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not a number of seconds`, {
    hint: `give a number above 0, up to ${MAX_SECONDS}`,
  });
}
