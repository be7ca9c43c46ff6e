import { Command, CommanderError } from "commander";
import { type CommandSpec, ofCommandLine, type Report, WrongValue } from "./command.ts";
import { commands } from "./commands.ts";
import { dropIns } from "./drop-in.ts";
import { exitStatus } from "./exit-status.ts";
import { toJson } from "./json.ts";
import type { Terminal } from "./terminal.ts";
import { version } from "./version.ts";

/** Runs a command line of `userpci`'s own commands. @returns exit status. Never rejects. */
export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<number> {
  const json = wantsJson(argv);
  let report: Report | undefined;
  const program = createProgram({ terminal, json }, (made) => {
    report = made;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    if (report === undefined) return exitStatus.done;
    terminal.write(json ? toJson(report.json, 2) : lines(report.text(terminal.style)));
    return report.failed ? exitStatus.failed : exitStatus.done;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return refuse(thrown, argv, { terminal, json });
    const { reportFailure } = await import("./failure.ts");
    const wrong = thrown instanceof WrongValue;
    reportFailure(wrong ? thrown.cause : thrown, terminal, json);
    return wrong ? exitStatus.usage : exitStatus.failed;
  }
}

/** Where results and errors go, and in which form. */
interface Output {
  readonly terminal: Terminal;
  readonly json: boolean;
}

/** Whether JSON is asked for, also on a command line that is wrong otherwise. What follows `--` is no option. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end < 0 ? argv.length : end).includes("--json");
}

function createProgram(output: Output, done: (report: Report) => void): Command {
  const { terminal, json } = output;
  const { bold, cyan } = terminal.style;
  const program = new Command("userpci")
    .description("Own PCI devices from user space: find them, bind them, look into them.")
    .version(version(), "--version", "print the version")
    .helpOption("-h, --help", "print help, also of a command")
    .helpCommand("help [command]", "print help, also of a command")
    .option(...jsonOption)
    .configureHelp({
      styleTitle: bold,
      styleSubcommandText: cyan,
      styleOptionTerm: cyan,
      styleArgumentTerm: cyan,
    })
    .configureOutput({
      writeOut: terminal.write,
      writeErr: json ? () => {} : terminal.note,
      outputError: (text, write) => write(text.replace(/^error:/, terminal.noteStyle.red("error:"))),
    })
    .showHelpAfterError("(userpci --help lists the commands)")
    .exitOverride();
  for (const spec of commands) addCommand(program, spec, output, done);
  // For the help alone: their arguments never come here.
  for (const { name, summary } of dropIns) program.command(name).description(summary);
  return program;
}

const jsonOption = ["--json", "print one JSON object, also for an error"] as const;

function addCommand(
  program: Command,
  spec: CommandSpec,
  { terminal, json }: Output,
  done: (report: Report) => void,
): void {
  const command = program.command(spec.name).description(spec.summary);
  for (const { usage, about } of spec.arguments) command.argument(usage, about);
  for (const { usage, about } of spec.options) command.option(usage, about);
  command
    .option(...jsonOption)
    .showHelpAfterError(`(userpci ${spec.name} --help says how)`)
    .addHelpText("after", examplesOf(spec, terminal))
    .action(async (...given: unknown[]) => {
      // Commander hands over the arguments, then the options, then the command.
      const options = given[spec.arguments.length] as Record<string, string | true>;
      const values = given.slice(0, spec.arguments.length) as (string | undefined)[];
      for (const [at, { usage, unless }] of spec.arguments.entries()) {
        if (unless === undefined || values[at] !== undefined || options[unless] !== undefined) continue;
        command.error(`error: missing required argument '${usage.slice(1, -1)}'`);
      }
      const module = await spec.load();
      await ofCommandLine(() => checkArguments(spec, values));
      done(await module.run({ arguments: values, options, json, terminal }));
    });
}

/** @throws PciError `ERR_INVALID_ARGUMENT` */
async function checkArguments(spec: CommandSpec, values: readonly (string | undefined)[]): Promise<void> {
  for (const [index, { check }] of spec.arguments.entries()) {
    const value = values[index];
    if (value !== undefined) await check?.(value);
  }
}

function examplesOf(spec: CommandSpec, { style }: Terminal): string {
  const width = Math.max(...spec.examples.map(([line]) => line.length));
  const examples = spec.examples.map(
    ([line, about]) => `  userpci ${line.padEnd(width)}  ${style.dim(about)}`,
  );
  return `\n${style.bold("Examples:")}\n${examples.join("\n")}`;
}

/** Commander has printed the message itself, or the help that was asked for. */
function refuse(error: CommanderError, argv: readonly string[], { terminal, json }: Output): number {
  if (error.exitCode === 0) return exitStatus.done;
  if (json) {
    const [first = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
    const message = error.code === "commander.help" ? "no command is given" : first;
    const hint = suggestion?.replace(/^\((.*)\)$/, "$1") ?? `${helpFor(argv)} says how`;
    terminal.write(toJson({ error: { code: "ERR_USAGE", message, hint, causes: [] } }, 2));
  }
  return exitStatus.usage;
}

/** The command line that explains what was meant. */
function helpFor(argv: readonly string[]): string {
  const spec = commands.find(({ name }) => name === argv.find((word) => !word.startsWith("-")));
  return spec === undefined ? "userpci --help" : `userpci ${spec.name} --help`;
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
