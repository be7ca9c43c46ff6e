import { createReadStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { isPciError, PciError } from "@userpci/interface";
import { type ReplayReport, readRecording, type TraceEvent, tracePrinter } from "userpci/trace";
import { type CommandCall, ofCommandLine, type Report, WrongValue } from "../command.ts";
import { formatFailure, toFailure } from "../failure.ts";
import { tablesOf } from "../register-tables.ts";
import { eventJson } from "../trace/event-json.ts";
import { runProgram } from "../trace/program.ts";

/** `userpci replay`. */
export async function run(call: CommandCall): Promise<Report> {
  const path = call.arguments[0]!;
  const recording = await readEvents(path);
  if (call.rest.length === 0) return show(path, recording);
  if (recording.error !== undefined) throw recording.error;
  return repeat(call, path, recording.events.length);
}

/** What can be read of a recording. */
interface ReadableEvents {
  readonly events: readonly TraceEvent[];
  /** Why these are not all. */
  readonly error?: PciError;
}

/**
 * Piece by piece: what is no recording, and may be large or have no end, is refused by its beginning.
 *
 * @throws WrongValue; PciError `ERR_PROTOCOL` if there is no event at all
 */
async function readEvents(path: string): Promise<ReadableEvents> {
  const events: TraceEvent[] = [];
  try {
    for await (const event of readRecording(createReadStream(path))) events.push(event);
    return { events };
  } catch (cause) {
    if (isPciError(cause) && events.length > 0) return { events, error: cause };
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

/** Shows what was recorded, also of a recording that ends in the middle of an event. */
function show(recording: string, { events, error }: ReadableEvents): Report {
  const print = tracePrinter({ registers: (_address, opened) => tablesOf(opened) });
  const texts = events.map(print);
  const lines = events.map((event, index) => ({ type: "event", ...eventJson(event, texts[index]!.trim()) }));
  const result = { recording, length: events.length, ...(error && { error: told(error) }) };
  return {
    json: { ...result, events: lines },
    lines: [...lines, { type: "ended", ...result }],
    text: (style) => (error === undefined ? texts : [...texts, ...formatFailure(toFailure(error), style)]),
    failed: error !== undefined,
  };
}

function told({ code, message, hint }: PciError): object {
  return { code, message, ...(hint !== undefined && { hint }) };
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
