import {
  type Binding,
  type BindingPlan,
  bind,
  bindGroup,
  explainGroup,
  findUser,
  PciAddress,
  type PlanOptions,
  planBinding,
  readGroup,
} from "@userpci/sysfs";
import { type PersistentSetup, persist, planPersist } from "@userpci/sysfs/persist";
import {
  type CommandCall,
  ofCommandLine,
  optionText,
  type Report,
  refuseRootWithoutPlan,
  treeOf,
} from "../command.ts";
import { formatFailure, toFailure } from "../failure.ts";
import { groupJson } from "../function-view.ts";
import { timeoutOf, waiting } from "../kernel-progress.ts";
import { bindingPlanJson, bindingPlanLines, isPossible } from "../plan-view.ts";
import { setupJson, setupLines } from "../setup-view.ts";
import type { Style } from "../style.ts";

/** `userpci bind`. */
export async function run(call: CommandCall): Promise<Report> {
  refuseRootWithoutPlan(call);
  timeoutOf(call);
  const user = optionText(call, "user");
  const [group, force] = ["group", "force"].map((name) => call.options[name] === true);
  const options = { ...(user !== undefined && { user }), force: force!, group: group! };
  if (call.options["plan"] === true) return planned(call, { ...options, ...treeOf(call) });
  if (user !== undefined) await ofCommandLine(() => findUser(user));
  const address = call.arguments[0]!;
  const lasting = { ...(user !== undefined && { user }) };
  const persistent = call.options["persist"] === true;
  // What is in the way of that is told before anything is done.
  if (persistent) await planPersist(address, lasting);
  const bindings = await waiting(call, async (waits) =>
    group ? bindGroup(address, { ...waits, ...options }) : [await bind(address, { ...waits, ...options })],
  );
  const setups: PersistentSetup[] = [];
  for (const each of persistent ? bindings : []) setups.push(await persist(each.address, lasting));
  return bound(address, bindings, setups);
}

async function planned(call: CommandCall, options: PlanOptions): Promise<Report> {
  const plan = await ofCommandLine(() => planBinding(call.arguments[0]!, options));
  const force = options.force === true;
  const words = [plan.address, ...(options.group ? ["--group"] : []), ...(force ? ["--force"] : [])];
  const user = plan.user === null ? "" : ` --user ${plan.user.name}`;
  const setups = call.options["persist"] === true ? await planLasting(plan, options) : [];
  const persist = setups.length > 0 ? " --persist" : "";
  const command = `sudo userpci bind ${words.join(" ")}${user}${persist}`;
  return {
    json: {
      plan: bindingPlanJson(plan, force),
      persistent: setups.map((setup) => setupJson(setup, "plan")),
    },
    text: (style) => [
      ...setups.flatMap((setup) => lastingLines(setup, "plan", style)),
      ...bindingPlanLines(plan, command, force, style),
    ],
    failed: !isPossible(plan, force),
  };
}

/** What would make each of the functions stay bound. */
async function planLasting(plan: BindingPlan, options: PlanOptions): Promise<PersistentSetup[]> {
  const { root, user } = options;
  const lasting = { ...(root !== undefined && { root }), ...(user !== undefined && { user }) };
  return Promise.all(plan.functions.map(({ address }) => planPersist(address, lasting)));
}

function lastingLines(setup: PersistentSetup, act: "plan" | "done", style: Style): string[] {
  return [`at every boot, for ${setup.address}:`, ...setupLines(setup, act, style)];
}

function bound(address: string, bindings: readonly Binding[], setups: readonly PersistentSetup[]): Report {
  const binding =
    bindings.find((each) => each.address === PciAddress.parse(address).toString()) ?? bindings[0]!;
  const group = readGroup(binding.group);
  const problem = explainGroup(group);
  const others = bindings.filter((each) => each !== binding).map(({ group: _, user: __, ...other }) => other);
  return {
    json: {
      ...binding,
      group: groupJson(group),
      others,
      persistent: setups.map((setup) => setupJson(setup, "done")),
    },
    text: (style) => [
      ...bindings.map((each) => bindingLine(each, style)),
      groupLine(bindings, style),
      ...setups.flatMap((setup) => lastingLines(setup, "done", style)),
      ...(problem === null ? [] : ["", ...formatFailure(toFailure(problem), style, "warning")]),
    ],
  };
}

function bindingLine({ address, driver, formerDriver, changed }: Binding, style: Style): string {
  const before = formerDriver === null ? "it had no driver" : `it was on ${formerDriver}`;
  return `${style.green(changed ? "bound" : "already bound")}  ${address} to ${driver}${changed ? ` (${before})` : ""}`;
}

function groupLine(bindings: readonly Binding[], _style: Style): string {
  const [{ group, user }] = bindings as [Binding];
  const paths = bindings.flatMap(({ nodes }) => [nodes.group, nodes.device]).filter((path) => path !== null);
  const who =
    user === null ? "" : `; uid ${user.uid} (${user.name}) may open ${[...new Set(paths)].join(", ")}`;
  return `IOMMU group ${group}${who}`;
}
