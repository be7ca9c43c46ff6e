import { setVirtualFunctions } from "@userpci/sysfs";
import type { CommandCall, Report } from "../command.ts";
import { waiting } from "../kernel-progress.ts";

/** `userpci sriov`. */
export async function run(call: CommandCall): Promise<Report> {
  const [address, count] = [call.arguments[0]!, Number(call.arguments[1]!)];
  const virtualFunctions = await waiting(call, (options) => setVirtualFunctions(address, count, options));
  return {
    json: { virtualFunctions },
    text: (style) =>
      count === 0
        ? [`${style.green("done")}  ${address} has no virtual functions`]
        : virtualFunctions.map((virtual, index) => `${style.green(virtual)}  number ${index} of ${address}`),
  };
}
