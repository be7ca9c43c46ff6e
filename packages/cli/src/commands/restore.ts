import { PciError } from "@userpci/interface";
import { planRestore, type Restoration, type Restored, restore } from "@userpci/sysfs";
import {
  type CommandCall,
  ofCommandLine,
  type Report,
  refuseRootWithoutPlan,
  treeOf,
  WrongValue,
} from "../command.ts";
import { formatFailure, toFailure } from "../failure.ts";
import { timeoutOf, waiting } from "../kernel-progress.ts";
import { bootLines, cutShortLines, releasePlanJson, releasePlanLines } from "../plan-view.ts";
import type { Style } from "../style.ts";

/** `userpci restore`. */
export async function run(call: CommandCall): Promise<Report> {
  refuseRootWithoutPlan(call);
  timeoutOf(call);
  const address = call.arguments[0] ?? null;
  const all = call.options["all"] === true;
  if (all && address !== null) {
    const message = "an address and --all exclude each other";
    const hint = "give the address of one function, or --all for every function that userpci has bound";
    throw new WrongValue(new PciError("ERR_INVALID_ARGUMENT", message, { hint }));
  }
  if (call.options["persistent"] === true) return (await import("../restore-for-good.ts")).run(call);
  if (call.options["plan"] === true) return planned(call, address, all);
  const restoration = await waiting(call, (options) => restore(address, { ...options, all }));
  const failed = restoration.failed.map(({ address: at, error }) => ({
    address: at,
    error: toFailure(error),
  }));
  return {
    json: { ...restoration, failed, persistent: [] },
    lines: [
      ...restoration.restored.map((each) => ({ restored: each })),
      ...failed.map((each) => ({ failed: each })),
      ...restoration.removed.map((path) => ({ removed: path })),
    ],
    text: (style) => restorationLines(restoration, style),
    failed: failed.length > 0,
  };
}

async function planned(call: CommandCall, address: string | null, all: boolean): Promise<Report> {
  const plans = await ofCommandLine(() => planRestore(address, { ...treeOf(call), all }));
  const command = ["sudo userpci restore", ...(address === null ? [] : [address]), ...(all ? ["--all"] : [])];
  return {
    json: { plans: plans.map(releasePlanJson), persistent: [] },
    lines: plans.map((plan) => ({ plan: releasePlanJson(plan) })),
    text: (style) => releasePlanLines(plans, command.join(" "), style),
  };
}

function restorationLines({ restored, failed, removed }: Restoration, style: Style): string[] {
  const done = [
    ...restored.flatMap((each) => [
      restoredLine(each, style),
      ...cutShortLines(each, style),
      ...bootLines(each, style),
    ]),
    ...failed.flatMap(({ error }) => formatFailure(toFailure(error), style)),
    ...removed.map((path) => `${style.green("removed")}  ${path}, which a process left that was killed`),
  ];
  return done.length === 0 ? [`${style.green("nothing to do")}  no bind or unbind was cut short`] : done;
}

/** What became of a function. */
export function restoredLine({ address, driver, changed, present }: Restored, style: Style): string {
  const became = style.green(changed ? "given back" : "nothing to do");
  if (!present) return `${became}  the nodes of what was bound as ${address}, which is not there any more`;
  const has = driver === null ? "no driver has it" : `${driver} has it`;
  return `${became}  ${address}: ${has}`;
}
