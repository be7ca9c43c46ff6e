import { type Dirent, lstatSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { checkInteger, checkType } from "@userpci/interface";
import { parseTelemetry } from "./parse.ts";
import { SYSTEM_DIRECTORY, telemetryPlace } from "./place.ts";
import type { TelemetrySnapshot } from "./snapshot.ts";

/** How {@link readTelemetry} reads. */
export interface ReadTelemetryOptions {
  /**
   * Directories of sockets. Default: the one where programs of this user have theirs; for root those of all users with a session, and
   * of the system.
   */
  readonly directories?: readonly string[];
  /** Longest wait for a program's answer in milliseconds, 1 to 60,000. Default 1000. */
  readonly timeoutMs?: number;
}

/** What a program said. */
export interface ProgramReading {
  /** Path of its socket. */
  readonly socket: string;
  /** Whose program it is: owner of the socket. */
  readonly uid: number;
  readonly snapshot: TelemetrySnapshot;
}

/** A socket whose program said nothing that could be used. */
export interface SilentProgram {
  readonly socket: string;
  /** `ERR_TIMEOUT` for one that is busy, `ERR_PROTOCOL` for what is no telemetry, or the system's code, such as `EACCES`. */
  readonly code: string;
}

/** What {@link readTelemetry} found. */
export interface TelemetryReport {
  readonly programs: readonly ProgramReading[];
  readonly silent: readonly SilentProgram[];
}

/** Bytes of the longest answer: some hundred devices with all vectors that they may have. */
const LONGEST_ANSWER = 1 << 22;

/** Where sessions have their directories (`XDG_RUNTIME_DIR`, pam_systemd(8)). */
const SESSIONS = "/run/user";

/** Age in milliseconds from which a socket that nobody listens at is one that was left behind, and not one that is being opened. */
const STALE_MS = 10_000;

/**
 * Asks all programs that may be watched what they have open, at once. Sockets that were left behind by programs that were killed are
 * removed.
 *
 * @throws PciError (rejects with) `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
 */
export async function readTelemetry(options: ReadTelemetryOptions = {}): Promise<TelemetryReport> {
  checkType("options", options, "object");
  const timeoutMs = checkInteger("timeoutMs", options.timeoutMs ?? 1000, 1, 60_000);
  const sockets = (options.directories ?? usualDirectories()).flatMap(socketsIn);
  const answers = await Promise.all(sockets.map((each) => ask(each, timeoutMs)));
  const known = answers.filter((each) => each !== undefined);
  return {
    programs: known.filter((each) => "snapshot" in each).sort(byProgram),
    silent: known.filter((each) => "code" in each),
  };
}

const byProgram = ({ snapshot: a }: ProgramReading, { snapshot: b }: ProgramReading): number =>
  a.program.pid - b.program.pid || a.program.thread - b.program.thread;

/** Where this user may look. */
export function usualDirectories(): string[] {
  const own = telemetryPlace().directory;
  if (process.geteuid?.() !== 0) return [own];
  const sessions = entriesOf(SESSIONS).map(({ name }) => join(SESSIONS, name, "userpci"));
  return [...new Set([own, SYSTEM_DIRECTORY, ...sessions])];
}

/** A socket, and whose it is. */
interface SocketFile {
  readonly path: string;
  readonly uid: number;
  readonly ageMs: number;
}

function socketsIn(directory: string): SocketFile[] {
  return entriesOf(directory).flatMap((entry) => {
    // A link of another user's could lead root to any socket of the system.
    if (!entry.isSocket() || !entry.name.endsWith(".sock")) return [];
    const path = join(directory, entry.name);
    // As bigints: after a status of a socket in numbers Node 20 resolves modules wrongly (docs/facts.md).
    const state = lstatSync(path, { throwIfNoEntry: false, bigint: true });
    if (state === undefined) return [];
    return [{ path, uid: Number(state.uid), ageMs: Date.now() - Number(state.mtimeMs) }];
  });
}

/** Entries of a directory; none of one that is not there, that this user may not read, or that is a link. */
function entriesOf(directory: string): Dirent[] {
  try {
    return lstatSync(directory).isDirectory() ? readdirSync(directory, { withFileTypes: true }) : [];
  } catch {
    return [];
  }
}

/** @returns undefined for a socket that nobody listens at */
async function ask(file: SocketFile, timeoutMs: number): Promise<ProgramReading | SilentProgram | undefined> {
  const { path: socket, uid } = file;
  try {
    const snapshot = parseTelemetry(await askLine(socket, timeoutMs));
    return snapshot === undefined ? { socket, code: "ERR_PROTOCOL" } : { socket, uid, snapshot };
  } catch (error) {
    const { code = "EIO" } = error as NodeJS.ErrnoException;
    if (code !== "ECONNREFUSED" && code !== "ENOENT") return { socket, code };
    if (code === "ECONNREFUSED" && file.ageMs > STALE_MS) removeStale(socket);
    return undefined;
  }
}

function removeStale(socket: string): void {
  try {
    rmSync(socket);
  } catch {
    // Another's, or gone already.
  }
}

/** Sends a request, and takes the line that answers it. */
function askLine(path: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const timer = setTimeout(() => fail("ERR_TIMEOUT"), timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
    };
    const fail = (code: string): void => {
      end();
      reject(Object.assign(new Error(`${path}: ${code}`), { code }));
    };
    let text = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write("\n"));
    socket.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? "EIO"));
    socket.on("close", () => fail("ECONNRESET"));
    socket.on("data", (part: string) => {
      text += part;
      const line = text.indexOf("\n");
      if (line >= 0) {
        end();
        resolve(text.slice(0, line));
      } else if (text.length > LONGEST_ANSWER) fail("ERR_PROTOCOL");
    });
  });
}
