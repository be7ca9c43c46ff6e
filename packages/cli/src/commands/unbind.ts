import { unbind } from "@userpci/sysfs";
import type { CommandCall, Report } from "../command.ts";
import { waiting } from "../kernel-progress.ts";

/** `userpci unbind`. */
export async function run(call: CommandCall): Promise<Report> {
  const release = await waiting(call, (options) => unbind(call.arguments[0]!, options));
  const { address, driver, changed } = release;
  const now = driver === null ? "no driver has it" : `${driver} has it`;
  return {
    json: release,
    text: (style) => [
      changed
        ? `${style.green("given back")}  ${address}: ${now}`
        : `${style.green("nothing to do")}  ${address} is not on vfio-pci: ${driver ?? "no driver"} has it`,
    ],
  };
}
