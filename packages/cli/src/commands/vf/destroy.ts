import { findFunction, setVirtualFunctions } from "@userpci/sysfs";
import type { CommandCall, Report } from "../../command.ts";
import { waiting } from "../../kernel-progress.ts";

/** `userpci vf destroy`. */
export async function run(call: CommandCall): Promise<Report> {
  const { address, virtualFunctions: removed } = findFunction(call.arguments[0]!);
  await waiting(call, (options) => setVirtualFunctions(address, 0, options));
  return {
    json: { physicalFunction: address, removed },
    text: ({ green }) => [
      removed.length === 0
        ? `${green("nothing to do")}  ${address} has no virtual functions`
        : `${green("removed")}  ${removed.join(", ")} of ${address}`,
    ],
  };
}
