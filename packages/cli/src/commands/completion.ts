import { PciError } from "@userpci/interface";
import { type CommandCall, type Report, WrongValue } from "../command.ts";
import { completionScript } from "../completion/completion.ts";
import { grammarOf } from "../completion/grammar.ts";
import { type Shell, shells } from "../completion/script.ts";

/** `userpci completion`. */
export async function run(call: CommandCall): Promise<Report> {
  const shell = shellOf(call.arguments[0]!);
  const script = completionScript(shell, grammarOf());
  return { json: { shell, script }, text: () => script.trimEnd().split("\n") };
}

/** @throws WrongValue */
function shellOf(name: string): Shell {
  const shell = shells.find((known) => known === name);
  if (shell !== undefined) return shell;
  throw new WrongValue(
    new PciError("ERR_INVALID_ARGUMENT", `there is no completion for ${JSON.stringify(name)}`, {
      hint: `one of ${shells.join(", ")}`,
    }),
  );
}
