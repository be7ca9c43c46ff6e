import { mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { type Backend, PciError } from "@userpci/interface";
import { recordWith } from "./record.ts";
import { Recorder, tracedError } from "./recorder.ts";
import { type Replay, replay } from "./replay.ts";

/** What a replay came to: the content of the file that `USERPCI_REPLAY_REPORT` names, as JSON. */
export interface ReplayReport {
  /** How many events of the recording happened again. */
  readonly position: number;
  readonly length: number;
  /** What the program did that the recording does not have, or what it left out. */
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

let recorder: Recorder | undefined;
const recorded = new WeakMap<Backend, Backend>();
let repeated: Replay | undefined;

/**
 * The backend by which `openDevice` opens a device while an environment variable is set: with `USERPCI_REPLAY` the recording that it
 * names, in place of any device; with `USERPCI_TRACE` the one that was asked for, recorded.
 *
 * @param choose gives the backend that was asked for
 * @throws PciError `ERR_INVALID_ARGUMENT` for a directory that cannot be written or a recording that cannot be read, `ERR_PROTOCOL`,
 * `ERR_NOT_SUPPORTED` for what is no recording; what `choose` throws
 */
export function backendOfEnvironment(choose: () => Backend): Backend {
  const { USERPCI_TRACE: folder, USERPCI_REPLAY: recording } = process.env;
  if (recording) {
    repeated ??= openRecording(recording);
    return repeated;
  }
  const backend = choose();
  if (!folder) return backend;
  recorder ??= startRecording(folder);
  const known = recorded.get(backend) ?? recordWith(backend, recorder);
  recorded.set(backend, known);
  return known;
}

/** Threads and processes have a file each: their events come at the same time. */
function startRecording(folder: string): Recorder {
  const path = join(folder, `${process.pid}-${threadId}.trace`);
  const file = using("USERPCI_TRACE", path, () => {
    mkdirSync(folder, { recursive: true });
    return openSync(path, "w", 0o600);
  });
  const started = new Recorder({ write: (bytes) => writeAll(file, bytes) });
  // A program that leaves by process.exit() has no turn of the event loop any more.
  process.once("exit", () => started.flush());
  return started;
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}

function openRecording(path: string): Replay {
  const opened = replay(using("USERPCI_REPLAY", path, () => readFileSync(path)));
  process.once("exit", () => reportReplay(opened));
  return opened;
}

/** A program that did not do the same again has failed, whatever it made of the errors that it met. */
function reportReplay(opened: Replay): void {
  const { position, length } = opened;
  let error: PciError | undefined;
  try {
    opened.assertEnded();
  } catch (thrown) {
    error = thrown as PciError;
    process.exitCode ||= 1;
  }
  const failure = error && tracedError(error);
  const report: ReplayReport = { position, length, ...(failure && { error: failure }) };
  const path = process.env["USERPCI_REPLAY_REPORT"];
  if (path) writeFileSync(path, JSON.stringify(report));
  else if (error !== undefined) process.stderr.write(`USERPCI_REPLAY: ${error.message}\n  ${error.hint}\n`);
}

function using<T>(variable: string, path: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `${variable} leads to ${path}, which cannot be opened: ${code}`,
      {
        path,
        hint:
          variable === "USERPCI_TRACE"
            ? "name a directory that you may write in, or unset it"
            : "name a file that USERPCI_TRACE or `userpci trace -o` made, or unset it",
        cause,
      },
    );
  }
}
