import { Command, CommanderError } from "commander";
import {
  type CommandCall,
  type CommandSpec,
  type OptionSpec,
  type OptionValues,
  ofCommandLine,
  type Report,
  schemaName,
  sections,
  WrongValue,
} from "./command.ts";
import { commands, families } from "./commands.ts";
import { type DropIn, dropIns } from "./drop-in.ts";
import { exitStatus } from "./exit-status.ts";
import { type Form, toJson, writeFailure } from "./json.ts";
import { HELP as lspciHelp } from "./lspci/help.ts";
import { type Given, isShifting, optional, placeWords } from "./placing.ts";
import { openRoot } from "./root.ts";
import { HELP as setpciHelp } from "./setpci/help.ts";
import { forms } from "./specs/common.ts";
import type { Terminal } from "./terminal.ts";
import { version } from "./version.ts";

/** Runs a command line of `userpci`'s own commands. @returns exit status. Never rejects. */
export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<number> {
  const form = formOf(argv);
  const failed = specOf(argv)?.answers ? exitStatus.usage : exitStatus.failed;
  terminal.failWith?.(failed);
  let done: Done | undefined;
  const program = createProgram({ terminal, form }, (made) => {
    done = made;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    if (done === undefined) return exitStatus.done;
    try {
      print(done, { terminal, form });
    } finally {
      done.close();
    }
    const { report } = done;
    return report.status ?? (report.failed ? exitStatus.failed : exitStatus.done);
  } catch (thrown) {
    if (thrown instanceof CommanderError) return refuse(thrown, argv, { terminal, form });
    const { reportFailure } = await import("./failure.ts");
    const wrong = WrongValue.is(thrown);
    reportFailure(wrong ? thrown.cause : thrown, terminal, form);
    return wrong ? exitStatus.usage : failed;
  }
}

/** Where results and errors go, and in which form. */
interface Output {
  readonly terminal: Terminal;
  readonly form: Form;
}

/** What was run, and what came of it. */
interface Done {
  readonly spec: CommandSpec;
  readonly report: Report;
  /** Gives back what the report was made of, once it is printed. */
  readonly close: () => void;
}

function print({ spec, report }: Done, { terminal, form }: Output): void {
  const schema = schemaName(spec);
  if (form === "text") terminal.write(lines(report.text(terminal.style)));
  else if (form === "json") terminal.write(toJson({ schema, ...report.json }, 2));
  else for (const line of report.lines ?? [report.json]) terminal.write(toJson({ schema, ...line }));
}

/** The form that is asked for, also on a command line that is wrong otherwise. What follows `--` is no option. */
function formOf(argv: readonly string[]): Form {
  const end = argv.indexOf("--");
  const words = argv.slice(0, end < 0 ? argv.length : end);
  if (words.includes("--jsonl")) return "jsonl";
  return words.includes("--json") ? "json" : "text";
}

function createProgram(output: Output, done: (done: Done) => void): Command {
  const { terminal, form } = output;
  const { bold, cyan } = terminal.style;
  const program = new Command("userpci")
    .description("Own PCI devices from user space: find them, bind them, look into them.")
    .version(version(), "--version", "print the version")
    .helpOption("-h, --help", "print help, also of a command")
    .helpCommand("help [command]", "print help, also of a command")
    .configureHelp({
      styleTitle: bold,
      styleSubcommandText: cyan,
      styleOptionTerm: cyan,
      styleArgumentTerm: cyan,
    })
    .configureOutput({
      writeOut: terminal.write,
      writeErr: form === "text" ? terminal.note : () => {},
      outputError: (text, write) => write(text.replace(/^error:/, terminal.noteStyle.red("error:"))),
    })
    .showHelpAfterError("(userpci --help lists the commands)")
    .exitOverride();
  for (const { usage, about } of forms) program.option(usage, about);
  for (const spec of commands) addCommand(program, spec, output, done);
  for (const dropIn of dropIns) addDropIn(program, dropIn);
  return program;
}

const helpOfDropIns: Readonly<Record<string, string>> = { lspci: lspciHelp, setpci: setpciHelp };

/** For the help alone: one comes here only by `help`, and behind an option of ours, which it does not take. */
function addDropIn(program: Command, { name, summary, inJson }: DropIn): void {
  const command = program.command(name).description(summary).helpGroup(sections.standIns);
  command
    .argument("[argument...]", `as of ${name} itself`)
    .allowUnknownOption()
    .helpOption(false)
    .usage("[argument...]")
    .addHelpText("after", `\n${helpOfDropIns[name]}`)
    .action(() =>
      command.error(`error: ${name} prints text alone, as the original does\n(for JSON: ${inJson})`),
    );
}

/** The command that a command of two words belongs to. */
function familyOf(program: Command, name: string, { section }: CommandSpec): Command {
  const known = program.commands.find((command) => command.name() === name);
  if (known !== undefined) return known;
  return program
    .command(name)
    .description(families[name] ?? "")
    .helpGroup(sections[section])
    .showHelpAfterError(`(userpci ${name} --help lists its commands)`);
}

function addCommand(program: Command, spec: CommandSpec, output: Output, done: (done: Done) => void): void {
  const { terminal } = output;
  const words = spec.name.split(" ");
  const parent = words.length === 1 ? program : familyOf(program, words[0]!, spec);
  const command = parent.command(words.at(-1)!).description(spec.summary);
  if (parent === program) command.helpGroup(sections[spec.section]);
  const shifting = isShifting(spec.arguments);
  for (const { usage, about } of spec.arguments) command.argument(shifting ? optional(usage) : usage, about);
  if (shifting) command.usage(["[options]", ...spec.arguments.map(({ usage }) => usage)].join(" "));
  for (const option of [...spec.options, ...forms]) addOption(command, option);
  command
    .showHelpAfterError(`(userpci ${spec.name} --help says how)`)
    .addHelpText("after", examplesOf(spec, terminal))
    .action(async (...given: unknown[]) => {
      // Commander hands over the arguments, then the options, then the command.
      const options = given[spec.arguments.length] as OptionValues;
      const values = placeWords(spec.arguments, given.slice(0, spec.arguments.length) as Given[], options);
      if (typeof values === "string") return command.error(`error: ${values}`);
      done(await runCommand(spec, (opened) => callOf(spec, values, opened, output), options));
    });
}

async function runCommand(
  spec: CommandSpec,
  callWith: (options: OptionValues) => CommandCall,
  given: OptionValues,
): Promise<Done> {
  const module = await spec.load();
  const { options, close } = await openRoot(given);
  try {
    const call = callWith(options);
    await ofCommandLine(() => checkArguments(spec, call.arguments));
    return { spec, report: await module.run(call), close };
  } catch (error) {
    close();
    throw error;
  }
}

function addOption(command: Command, { usage, about, repeats, counts }: OptionSpec): void {
  if (repeats) command.option(usage, about, collect);
  else command.option(usage, about);
  if (!counts) return;
  const name = command.options.at(-1)!.attributeName();
  let count = 0;
  command.on(`option:${name}`, () => {
    count += 1;
    command.setOptionValue(name, String(count));
  });
}

/** The values of an option that repeats. */
const collect = (value: string, former: readonly string[] = []): readonly string[] => [...former, value];

function callOf(
  spec: CommandSpec,
  given: readonly Given[],
  options: OptionValues,
  { terminal, form }: Output,
): CommandCall {
  const schema = schemaName(spec);
  const line = (value: object): void => {
    if (form === "jsonl") terminal.write(toJson({ schema, ...value }));
  };
  const words = given.map((value) => (typeof value === "object" ? undefined : value));
  const rest = given.find((value) => typeof value === "object") ?? [];
  return { arguments: words, rest, options, json: form !== "text", jsonl: form === "jsonl", line, terminal };
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
function refuse(error: CommanderError, argv: readonly string[], { terminal, form }: Output): number {
  if (error.exitCode === 0) return exitStatus.done;
  if (form !== "text") {
    const [first = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
    const message = error.code === "commander.help" ? "no command is given" : first;
    const hint = suggestion?.replace(/^\((.*)\)$/, "$1") ?? `${helpFor(argv)} says how`;
    writeFailure({ code: "ERR_USAGE", message, hint, causes: [] }, terminal, form);
  }
  return exitStatus.usage;
}

/** The command that a command line names; options before it take no values. */
function specOf(argv: readonly string[]): CommandSpec | undefined {
  const [first, second] = argv.filter((word) => !word.startsWith("-"));
  return commands.find(({ name }) => name === first || name === `${first} ${second}`);
}

/** The command line that explains what was meant. */
function helpFor(argv: readonly string[]): string {
  const spec = specOf(argv);
  if (spec !== undefined) return `userpci ${spec.name} --help`;
  const first = argv.find((word) => !word.startsWith("-"));
  return first !== undefined && Object.hasOwn(families, first) ? `userpci ${first} --help` : "userpci --help";
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
