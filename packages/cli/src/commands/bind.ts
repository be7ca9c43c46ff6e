import { type Binding, bind, explainGroup, findUser, readGroup } from "@userpci/sysfs";
import { type CommandCall, ofCommandLine, optionText, type Report } from "../command.ts";
import { formatFailure, toFailure } from "../failure.ts";
import { groupJson } from "../function-view.ts";
import { waiting } from "../kernel-progress.ts";
import type { Style } from "../style.ts";

/** `userpci bind`. */
export async function run(call: CommandCall): Promise<Report> {
  const user = optionText(call, "user");
  if (user !== undefined) await ofCommandLine(() => findUser(user));
  const binding = await waiting(call, (options) =>
    bind(call.arguments[0]!, { ...options, ...(user !== undefined && { user }) }),
  );
  const group = readGroup(binding.group);
  const problem = explainGroup(group);
  return {
    json: { ...binding, group: groupJson(group) },
    text: (style) => [
      ...bindingLines(binding, style),
      ...(problem === null ? [] : ["", ...formatFailure(toFailure(problem), style, "warning")]),
    ],
  };
}

function bindingLines(
  { address, driver, formerDriver, changed, group, nodes, user }: Binding,
  style: Style,
): string[] {
  const before = formerDriver === null ? "it had no driver" : `it was on ${formerDriver}`;
  const paths = [nodes.group, nodes.device].filter((path) => path !== null).join(", ");
  const who = user === null ? "" : `; uid ${user.uid} (${user.name}) may open ${paths}`;
  return [
    `${style.green(changed ? "bound" : "already bound")}  ${address} to ${driver}${changed ? ` (${before})` : ""}`,
    `IOMMU group ${group}${who}`,
  ];
}
