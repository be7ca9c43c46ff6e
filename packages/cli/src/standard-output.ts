import { PciError } from "@userpci/interface";
import { type CommandCall, WrongValue } from "./command.ts";

/** The name of standard output where a command line names a file. */
const NAME = "-";

/**
 * Whether a command's file is standard output.
 *
 * @param file as the command line names it; undefined where it names none
 * @param what that is written, as "the archive"
 * @throws WrongValue with `--json`, which goes there too
 */
export function isStandardOutput({ json }: CommandCall, file: string | undefined, what: string): boolean {
  if (file !== NAME) return false;
  if (!json) return true;
  const hint = "give the name of a file, or leave out --json";
  throw new WrongValue(
    new PciError("ERR_INVALID_ARGUMENT", `standard output cannot take ${what} and JSON`, { hint }),
  );
}
