import { PciError } from "@userpci/interface";
import { type CommandCall, type Report, WrongValue } from "../command.ts";
import { requireRoot } from "../demo/machine.ts";
import { type Scene, scenes } from "../demo/scene.ts";
import type { StepReport } from "../demo/step.ts";
import { stepLines } from "../demo/view.ts";
import { type Failure, formatFailure, toFailure } from "../failure.ts";
import { ProgressLine } from "../progress-line.ts";
import type { Style } from "../style.ts";

type SceneName = keyof typeof scenes;

/** What the demo shows in each place. */
const headings: Readonly<Record<SceneName, string>> = {
  served:
    "A PCI device, driven from TypeScript, with no hardware and no root: an edu that another process serves",
  inProcess:
    "A PCI device, driven from TypeScript, with no hardware and no root: an edu emulated in this process",
  vm: "A PCI device, driven from TypeScript by an ordinary user, on the Linux kernel's VFIO",
  here: "A PCI device, driven from TypeScript by an ordinary user, on the Linux kernel's VFIO",
};

/** `userpci demo`. */
export async function run(call: CommandCall): Promise<Report> {
  const name = sceneOf(call);
  if (name === "here") requireRoot();
  const { style } = call.terminal;
  const say = (lines: readonly string[]) => {
    if (!call.json) call.terminal.write(lines.map((line) => `${line}\n`).join(""));
  };
  say([style.bold(headings[name]), ""]);
  const started = performance.now();
  await using scene = await openScene(name, call);
  const bootMs = performance.now() - started;
  if (scene.instead !== undefined) say([`  in this process instead: ${scene.instead}`]);
  say([style.dim(`  Linux ${scene.kernel}, ${scene.kind}, ready after ${seconds(bootMs)}`)]);
  const { kind, kernel, instead } = scene;
  const machine = { kind, kernel, bootMs, ...(instead !== undefined && { instead }) };
  call.line({ type: "machine", ...machine });
  const steps: StepReport[] = [];
  const failure = await failureOf(
    scene.run((step) => {
      steps.push(step);
      call.line({ type: "step", ...step });
      say(stepLines(step, style));
    }),
  );
  const durationMs = performance.now() - started;
  const ok = failure === undefined;
  const error = failure !== undefined && { error: failure };
  return {
    json: { ok, machine, steps, durationMs, ...error },
    lines: [{ type: "ended", ok, durationMs, ...error }],
    text: () => ["", ...verdict(failure, durationMs, style)],
    failed: failure !== undefined,
  };
}

/** @throws WrongValue for two places */
function sceneOf({ options }: CommandCall): SceneName {
  const chosen = (Object.keys(scenes) as SceneName[]).filter((name) => options[name] === true);
  if (chosen.length < 2) return chosen[0] ?? "served";
  throw new WrongValue(
    new PciError("ERR_USAGE", `the demo plays in one place, not in ${chosen.length}`, {
      hint: "give one of --vm, --here and --in-process, or none",
    }),
  );
}

async function failureOf(work: Promise<void>): Promise<Failure | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return toFailure(error);
  }
}

function verdict(failure: Failure | undefined, durationMs: number, style: Style): string[] {
  if (failure !== undefined) return formatFailure(failure, style);
  return [`${style.green("all of it held")}, in ${seconds(durationMs)}`];
}

async function openScene(name: SceneName, { terminal }: CommandCall): Promise<Scene> {
  using progress = new ProgressLine(terminal);
  return await scenes[name]((line) => progress.update(line));
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
