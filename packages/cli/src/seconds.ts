import { PciError } from "@userpci/interface";
import { type CommandCall, optionText, WrongValue } from "./command.ts";

/** Longest time that a timer can measure, in seconds. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/**
 * Milliseconds of an option in seconds, fractions too.
 *
 * @param least fewest seconds that make sense
 * @throws WrongValue
 */
export function optionMilliseconds(call: CommandCall, name: string, least: number): number | undefined {
  const text = optionText(call, name);
  if (text === undefined) return undefined;
  const seconds = text.trim() === "" ? Number.NaN : Number(text);
  if (seconds >= least && seconds <= MAX_SECONDS) return Math.ceil(seconds * 1000);
  throw new WrongValue(
    new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not a number of seconds for --${name}`, {
      hint: `give a number from ${least} to ${MAX_SECONDS}`,
    }),
  );
}
