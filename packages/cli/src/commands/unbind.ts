import { planRelease, unbind } from "@userpci/sysfs";
import { type CommandCall, ofCommandLine, type Report, refuseRootWithoutPlan, treeOf } from "../command.ts";
import { timeoutOf, waiting } from "../kernel-progress.ts";
import { bootLines, releasePlanJson, releasePlanLines } from "../plan-view.ts";

/** `userpci unbind`. */
export async function run(call: CommandCall): Promise<Report> {
  refuseRootWithoutPlan(call);
  timeoutOf(call);
  if (call.options["plan"] === true) return planned(call);
  const release = await waiting(call, (options) => unbind(call.arguments[0]!, options));
  const { address, driver, changed } = release;
  const now = driver === null ? "no driver has it" : `${driver} has it`;
  return {
    json: release,
    text: (style) => [
      changed
        ? `${style.green("given back")}  ${address}: ${now}`
        : `${style.green("nothing to do")}  ${address} is not on vfio-pci: ${driver ?? "no driver"} has it`,
      ...bootLines(release, style),
    ],
  };
}

async function planned(call: CommandCall): Promise<Report> {
  const plan = await ofCommandLine(() => planRelease(call.arguments[0]!, treeOf(call)));
  return {
    json: { plan: releasePlanJson(plan) },
    text: (style) => releasePlanLines([plan], `sudo userpci unbind ${plan.address}`, style),
  };
}
