import type { CommandCall, Report } from "../command.ts";
import { runDemo } from "../demo/host.ts";
import { bootMachine, type Machine, thisMachine } from "../demo/machine.ts";
import type { StepReport } from "../demo/step.ts";
import { stepLines } from "../demo/view.ts";
import { formatFailure, toFailure } from "../failure.ts";
import { ProgressLine } from "../progress-line.ts";

/** `userpci demo`. */
export async function run(call: CommandCall): Promise<Report> {
  const { terminal, json } = call;
  const { style } = terminal;
  const say = (lines: readonly string[]) => {
    if (!json) terminal.write(lines.map((line) => `${line}\n`).join(""));
  };
  say([
    style.bold("A PCI device, driven from TypeScript by an ordinary user, on the Linux kernel's VFIO"),
    "",
  ]);
  const started = performance.now();
  const steps: StepReport[] = [];
  await using machine = await openMachine(call);
  const bootMs = performance.now() - started;
  say([style.dim(`  Linux ${machine.kernel}, ${machine.kind}, ready after ${seconds(bootMs)}`)]);
  let failure: unknown;
  try {
    await runDemo(machine, (step) => {
      steps.push(step);
      say(stepLines(step, style));
    });
  } catch (error) {
    failure = error;
  }
  const durationMs = performance.now() - started;
  const ok = failure === undefined;
  return {
    json: {
      ok,
      machine: { kind: machine.kind, kernel: machine.kernel, bootMs },
      steps,
      durationMs,
      ...(ok ? {} : { error: toFailure(failure) }),
    },
    text: () => [
      "",
      ...(ok
        ? [`${style.green("all of it held")}, in ${seconds(durationMs)}`]
        : formatFailure(toFailure(failure), style)),
    ],
    failed: !ok,
  };
}

async function openMachine({ options, terminal }: CommandCall): Promise<Machine> {
  if (options["here"] === true) return thisMachine();
  using progress = new ProgressLine(terminal);
  return await bootMachine((line) => progress.update(line));
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
