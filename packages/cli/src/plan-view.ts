import { type BindingPlan, commandOf, type PlannedStep, type ReleasePlan, stepTitles } from "@userpci/sysfs";
import type { Style } from "./style.ts";
import { formatTable } from "./table.ts";

/** Whether a plan can be done: nothing forbids it, and what the machine would lose is accepted. */
export function isPossible({ refusals, risks }: BindingPlan, force: boolean): boolean {
  return refusals.length === 0 && (force || !risks.some(({ refuses }) => refuses));
}

/** A plan of `bind` as lines. @param command what does it */
export function bindingPlanLines(plan: BindingPlan, command: string, force: boolean, style: Style): string[] {
  const { functions, steps, risks, refusals } = plan;
  const origins = functions.flatMap((fn) => originLines(fn, style));
  const dangers = risks.flatMap(({ what, refuses, fix, address, evidence }) => [
    `${refuses && !force ? style.red("risk") : style.yellow("note")}  ${address}: ${what}  ${style.dim(`[${evidence}]`)}`,
    ...(fix === null ? [] : [`      ${style.cyan("fix")}  ${fix}`]),
  ]);
  const forbidden = refusals.flatMap(({ code, message, hint }) => [
    `${style.red("no")}    ${message} ${style.dim(`(${code})`)}`,
    ...(hint?.split("\n") ?? []).map((line) => `      ${style.cyan("fix")}  ${line}`),
  ]);
  const possible = isPossible(plan, force);
  const how = refusals.length > 0 ? "it cannot be done" : `to do it: ${command}${possible ? "" : " --force"}`;
  return [
    ...origins,
    ...stepLines(steps, style),
    ...dangers,
    ...forbidden,
    steps.length === 0 ? "nothing to do" : style.bold(`nothing was changed; ${how}`),
  ];
}

/** Plans of `unbind` or `restore` as lines. @param command what does it */
export function releasePlanLines(plans: readonly ReleasePlan[], command: string, style: Style): string[] {
  const parts = plans.flatMap((plan) => [
    ...originLines(plan, style),
    ...cutShortLines(plan, style),
    ...stepLines(plan.steps, style),
    ...plan.holders.map(
      ({ pid, command: holder, path }) =>
        `${style.yellow("note")}  pid ${pid} (${holder}) has ${path} open: it is asked to let go, and waited for`,
    ),
    ...bootLines(plan, style),
  ]);
  const done = plans.every(({ steps }) => steps.length === 0);
  return [...parts, done ? "nothing to do" : style.bold(`nothing was changed; to do it: ${command}`)];
}

/** That driverctl, or whatever wrote the file, binds a function again. */
export function bootLines(
  { address, boundAtBoot }: Pick<ReleasePlan, "address" | "boundAtBoot">,
  style: Style,
): string[] {
  if (boundAtBoot === null) return [];
  const note = `${style.yellow("note")}  ${boundAtBoot} puts ${address} on a VFIO driver again at the next boot`;
  const fix = boundAtBoot.startsWith("/etc/driverctl.d/")
    ? `sudo driverctl unset-override ${address}`
    : `sudo userpci restore ${address} --persistent`;
  return [note, `      ${style.cyan("fix")}  ${fix}`];
}

/** What a call that did not end was at. */
export function cutShortLines(
  { address, cutShort }: Pick<ReleasePlan, "address" | "cutShort">,
  style: Style,
): string[] {
  if (cutShort === null) return [];
  const { action, step, since } = cutShort;
  return [`${style.yellow("note")}  ${action} ${address} was cut short at ${since}, ${stepTitles[step]}`];
}

const binders = {
  userpci: "by userpci",
  driverctl: "by driverctl",
  driver_override: "by its driver_override, which userpci did not write",
  other: "by somebody else: dpdk-devbind.py, new_id or the driver's bind file",
} as const;

function originLines(
  { address, driver, origin }: Pick<ReleasePlan, "address" | "driver" | "origin">,
  style: Style,
) {
  if (origin === null)
    return [
      `what was bound as ${style.bold(address)} is not there any more; another function that has come to the address stays as it is`,
    ];
  const how = origin.by === null ? "" : `, bound ${binders[origin.by]}`;
  const override =
    origin.override === null || origin.by !== null ? "" : `; driver_override names ${origin.override}`;
  const saved = origin.saved === null ? "" : `; driverctl keeps ${origin.saved}`;
  return [`${style.bold(address)} has ${driver ?? "no driver"}${how}${override}${saved}`];
}

function stepLines(steps: readonly PlannedStep[], style: Style): string[] {
  if (steps.length === 0) return [];
  const rows = steps.map((step, index) => ({ step, number: String(index + 1) }));
  const columns = [
    { title: "", cell: ({ number }: (typeof rows)[number]) => number, align: "right" as const },
    { title: "STEP", cell: ({ step }: (typeof rows)[number]) => step.what },
    {
      title: "AS A COMMAND",
      cell: ({ step }: (typeof rows)[number]) => style.dim(commandOf(step) ?? step.path ?? ""),
    },
  ];
  return formatTable(columns, rows, style);
}

/** A step as JSON has it. */
export function stepJson(step: PlannedStep): object {
  return { ...step, command: commandOf(step) };
}

/** A plan of `bind` as JSON has it. */
export function bindingPlanJson(plan: BindingPlan, force: boolean): object {
  return { ...plan, steps: plan.steps.map(stepJson), possible: isPossible(plan, force) };
}

/** A plan of `unbind` as JSON has it. */
export function releasePlanJson(plan: ReleasePlan): object {
  return { ...plan, steps: plan.steps.map(stepJson) };
}
