import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isPciError } from "@userpci/interface";
import { readRecording, tracePrinter } from "userpci/trace";
import { type CommandCall, ofCommandLine, optionText, type Report } from "../command.ts";
import { type Failure, formatFailure, toFailure } from "../failure.ts";
import { checkOutput, copyToFile } from "../output-file.ts";
import { tablesOf } from "../register-tables.ts";
import { eventJson } from "../trace/event-json.ts";
import { followFile, newFiles, type Writing } from "../trace/follow.ts";
import { runProgram } from "../trace/program.ts";

/** The recording of a process, or of one of its threads. */
interface Recording {
  /** Process and thread, such as `4711-0`. */
  readonly name: string;
  readonly path: string;
  events: number;
  /** Why it could not be read to its end. */
  error?: Failure;
}

/** `userpci trace`. */
export async function run(call: CommandCall): Promise<Report> {
  const { rest, json, terminal } = call;
  const output = optionText(call, "output");
  if (output !== undefined) checkOutput(output);
  const folder = mkdtempSync(join(tmpdir(), "userpci-trace-"));
  try {
    const writing: Writing = { ended: false };
    const events: object[] = [];
    const following = followAll(folder, writing, call, (event) => {
      call.line(event);
      if (json && !call.jsonl) events.push(event);
    });
    const program = ofCommandLine(() => runProgram(rest, { env: { USERPCI_TRACE: folder }, json })).finally(
      () => {
        writing.ended = true;
      },
    );
    // Both are over before the folder goes.
    await Promise.allSettled([program, following]);
    const [status, recordings] = [await program, await following];
    const kept = output === undefined ? [] : keep(recordings, output);
    const facts = recordings.map(({ name, events: count, error }) => ({
      name,
      events: count,
      ...(error !== undefined && { error }),
    }));
    const result = { command: rest, status, recordings: facts, files: kept };
    if (!json) for (const line of summary(recordings, kept, terminal.noteStyle)) terminal.note(`${line}\n`);
    return { json: { ...result, events }, lines: [{ type: "ended", ...result }], text: () => [], status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Tells the events of every recording in a folder, until nothing more is written. */
async function followAll(
  folder: string,
  writing: Writing,
  call: CommandCall,
  onEvent: (event: object) => void,
): Promise<readonly Recording[]> {
  const recordings: Recording[] = [];
  const followed: Promise<void>[] = [];
  for await (const path of newFiles(folder, writing)) {
    const recording: Recording = { name: basename(path, ".trace"), path, events: 0 };
    recordings.push(recording);
    // A name before each line, once there is more than one whose events these may be.
    const prefix = () => (recordings.length > 1 ? `${recording.name}  ` : "");
    followed.push(
      follow(recording, writing, (event, text) => {
        if (call.json) onEvent({ type: "event", recording: recording.name, ...event });
        else call.terminal.note(`${prefix()}${text}\n`);
      }),
    );
  }
  await Promise.all(followed);
  return recordings;
}

async function follow(
  recording: Recording,
  writing: Writing,
  tell: (event: object, text: string) => void,
): Promise<void> {
  const print = tracePrinter({ registers: (_address, opened) => tablesOf(opened) });
  try {
    for await (const event of readRecording(followFile(recording.path, writing))) {
      recording.events += 1;
      const text = print(event);
      tell(eventJson(event, text.trim()), text);
    }
  } catch (error) {
    // A program that was killed leaves a recording that ends anywhere.
    if (!isPciError(error, "ERR_PROTOCOL")) throw error;
    recording.error = toFailure(error);
  }
}

/** @returns where the recordings are now: the first at the path, each other with its name behind it */
function keep(recordings: readonly Recording[], output: string): readonly string[] {
  return recordings.map(({ path, name }, index) => {
    const to = index === 0 ? output : `${output}.${name}`;
    copyToFile(path, to);
    return to;
  });
}

function summary(
  recordings: readonly Recording[],
  files: readonly string[],
  style: CommandCall["terminal"]["style"],
) {
  const [first] = recordings;
  if (first === undefined) return [style.yellow("the program opened no device by openDevice of userpci")];
  const events = recordings.reduce((sum, recording) => sum + recording.events, 0);
  const where = files.length === 0 ? "" : `, kept in ${files.join(", ")}`;
  return [
    style.dim(`${events} events${where}`),
    ...recordings.flatMap(({ error }) => (error === undefined ? [] : formatFailure(error, style, "warning"))),
  ];
}
