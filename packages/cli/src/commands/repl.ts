import { PciError } from "@userpci/interface";
import { type CommandCall, ofCommandLine, optionTexts, type Report, WrongValue } from "../command.ts";
import { hex } from "../json.ts";
import { checkSource, evaluatorOf, thrownBy } from "../repl/evaluate.ts";
import { startPrompt, untilLeft } from "../repl/prompt.ts";
import { Session } from "../repl/session.ts";
import { openTarget } from "../target/open.ts";

/** What came of an expression. */
interface Evaluated {
  readonly expression: string;
  /** As at the prompt. */
  readonly text: string;
}

/** `userpci repl`. */
export async function run(call: CommandCall): Promise<Report> {
  const expressions = optionTexts(call, "evaluate");
  if (call.json && expressions.length === 0) {
    const message = "a prompt is for people, and --json for programs";
    const hint = "give what is to be evaluated: --evaluate 'registers.STATUS'";
    throw new WrongValue(new PciError("ERR_USAGE", message, { hint }));
  }
  await ofCommandLine(() => expressions.forEach(checkSource));
  // Over sysfs only root writes; over VFIO whoever opens it.
  const mayWrite = process.geteuid?.() === 0;
  await using target = await openTarget(call, { use: "registers", writable: mayWrite });
  const session = new Session(target, mayWrite);
  const { address, via } = target;
  const results =
    expressions.length > 0 ? await evaluate(call, session, expressions) : await converse(call, session);
  const writes = session.journal.writes.map(({ offset, bits, before, after }) => ({
    offset,
    bits,
    before: hex(before),
    after: hex(after),
  }));
  const result = { address, via, writes };
  return { json: { ...result, results }, lines: [{ type: "ended", ...result }], text: () => [] };
}

async function evaluate(
  { json, jsonl, line, terminal }: CommandCall,
  session: Session,
  expressions: readonly string[],
): Promise<readonly Evaluated[]> {
  const run = await evaluatorOf(session.names);
  const results: Evaluated[] = [];
  for (const expression of expressions) {
    const evaluated = json ? printingToErrors(() => run(expression)) : run(expression);
    const value = await evaluated.catch((thrown: unknown) => {
      throw thrownBy(expression, thrown);
    });
    const text = session.show(value);
    line({ type: "evaluated", expression, text });
    if (!json && value !== undefined) terminal.write(`${text}\n`);
    if (!jsonl) results.push({ expression, text });
  }
  return results;
}

/** Standard output has JSON alone: what an expression prints goes to standard error, as what a program of `trace --json` prints. */
async function printingToErrors<T>(act: () => Promise<T>): Promise<T> {
  const { stdout, stderr } = process;
  const { write } = stdout;
  stdout.write = stderr.write.bind(stderr) as typeof write;
  try {
    return await act();
  } finally {
    stdout.write = write;
  }
}

async function converse({ terminal }: CommandCall, session: Session): Promise<readonly Evaluated[]> {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  const { address, via, bars } = session.target;
  if (isTerminal) {
    const { bold, dim } = terminal.style;
    const names = ["device", "config", ...bars.map(({ index }) => `bar${index}`), "registers", "undo()"];
    terminal.write(`${bold(address)} over ${via}: ${names.join(", ")}  ${dim(".help lists commands")}\n`);
  }
  await untilLeft(
    startPrompt(session, {
      input: process.stdin,
      output: process.stdout,
      terminal: isTerminal,
      colours: isTerminal && terminal.style.bold("x") !== "x",
    }),
  );
  return [];
}
