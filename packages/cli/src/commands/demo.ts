import type { CommandCall, Report } from "../command.ts";
import { runDemo } from "../demo/host.ts";
import { bootMachine, type Machine, requireRoot, thisMachine } from "../demo/machine.ts";
import type { StepReport } from "../demo/step.ts";
import { stepLines } from "../demo/view.ts";
import { type Failure, formatFailure, toFailure } from "../failure.ts";
import { ProgressLine } from "../progress-line.ts";
import type { Style } from "../style.ts";

/** `userpci demo`. */
export async function run(call: CommandCall): Promise<Report> {
  if (call.options["here"] === true) requireRoot();
  const { style } = call.terminal;
  const say = (lines: readonly string[]) => {
    if (!call.json) call.terminal.write(lines.map((line) => `${line}\n`).join(""));
  };
  say([
    style.bold("A PCI device, driven from TypeScript by an ordinary user, on the Linux kernel's VFIO"),
    "",
  ]);
  const started = performance.now();
  await using machine = await openMachine(call);
  const bootMs = performance.now() - started;
  say([style.dim(`  Linux ${machine.kernel}, ${machine.kind}, ready after ${seconds(bootMs)}`)]);
  const steps: StepReport[] = [];
  const failure = await failureOf(
    runDemo(machine, (step) => {
      steps.push(step);
      say(stepLines(step, style));
    }),
  );
  const durationMs = performance.now() - started;
  const { kind, kernel } = machine;
  return {
    json: {
      ok: failure === undefined,
      machine: { kind, kernel, bootMs },
      steps,
      durationMs,
      ...(failure !== undefined && { error: failure }),
    },
    text: () => ["", ...verdict(failure, durationMs, style)],
    failed: failure !== undefined,
  };
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

async function openMachine({ options, terminal }: CommandCall): Promise<Machine> {
  if (options["here"] === true) return thisMachine();
  using progress = new ProgressLine(terminal);
  return await bootMachine((line) => progress.update(line));
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
