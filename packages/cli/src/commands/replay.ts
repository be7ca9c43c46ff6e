import { createReadStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { isPciError, PciError } from "@userpci/interface";
import { type ReplayReport, readRecording, type TraceEvent, tracePrinter } from "userpci/trace";
import { type CommandCall, ofCommandLine, type Report, WrongValue } from "../command.ts";
import { formatFailure } from "../failure.ts";
import { tablesOf } from "../register-tables.ts";
import { eventJson } from "../trace/event-json.ts";
import { runProgram } from "../trace/program.ts";

/** `userpci replay`. */
export async function run(call: CommandCall): Promise<Report> {
  const path = call.arguments[0]!;
  const events = await readEvents(path);
  return call.rest.length === 0 ? show(path, events) : repeat(call, path, events.length);
}

/**
 * Piece by piece: what is no recording, and may be large or have no end, is refused by its beginning.
 *
 * @throws WrongValue; PciError `ERR_PROTOCOL`
 */
async function readEvents(path: string): Promise<readonly TraceEvent[]> {
  const events: TraceEvent[] = [];
  try {
    for await (const event of readRecording(createReadStream(path))) events.push(event);
    return events;
  } catch (cause) {
    if (isPciError(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new WrongValue(
      new PciError("ERR_INVALID_ARGUMENT", `${path} cannot be read: ${code}`, {
        path,
        hint: "name a recording, such as `userpci trace -o run.trace -- node driver.js` makes",
        cause,
      }),
    );
  }
}

/** Shows what was recorded. */
function show(recording: string, events: readonly TraceEvent[]): Report {
  const print = tracePrinter({ registers: (_address, opened) => tablesOf(opened) });
  const texts = events.map(print);
  const told = events.map((event, index) => ({ type: "event", ...eventJson(event, texts[index]!.trim()) }));
  const result = { recording, length: events.length };
  return {
    json: { ...result, events: told },
    lines: [...told, { type: "ended", ...result }],
    text: () => texts,
  };
}

/** Runs a program on what was recorded, in place of a device. */
async function repeat(
  { rest, json, terminal }: CommandCall,
  recording: string,
  length: number,
): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "userpci-replay-"));
  const reportPath = join(folder, "report.json");
  try {
    const env = { USERPCI_REPLAY: resolve(recording), USERPCI_REPLAY_REPORT: reportPath };
    const status = await ofCommandLine(() => runProgram(rest, { env, json }));
    const { position, error } = readReport(reportPath, length);
    const same = error === undefined;
    const result = { recording, length, command: rest, status, position, same, ...(error && { error }) };
    if (!json) {
      const style = terminal.noteStyle;
      const lines = same
        ? [`${style.green("✓")} all ${length} events happened again`]
        : formatFailure({ causes: [], ...error }, style);
      terminal.note(lines.map((line) => `${line}\n`).join(""));
    }
    return {
      json: result,
      lines: [{ type: "ended", ...result }],
      text: () => [],
      status: status === 0 && !same ? 1 : status,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the program left when it ended. */
function readReport(path: string, length: number): ReplayReport {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ReplayReport;
  } catch {
    const message = "the program opened no device by openDevice of userpci, or was killed";
    const hint = "run what was recorded, as it was: the same program with the same arguments";
    return { position: 0, length, error: { code: "ERR_REPLAY", message, hint } };
  }
}
