import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isPciError } from "@userpci/interface";
import { checkPaths, checkTreeOptions } from "./options.ts";
import { oneLine, pathIn, readNames, readText, type TreeOptions } from "./tree.ts";

/** A process that has one of the files open. */
export interface Holder {
  readonly pid: number;
  /** Its command line, shortened, or its name where that is empty. */
  readonly command: string;
  /** The file that it has open. */
  readonly path: string;
}

/** Who has files open, as far as this user may see. */
export interface HolderReport {
  readonly holders: readonly Holder[];
  /** Processes whose descriptors this user may not look at: the holder may be one of them. */
  readonly unreadable: number;
}

const COMMAND_LENGTH = 100;

/**
 * The processes that have one of `paths` open, by walking `/proc/PID/fd`. A descriptor counts for the file it was
 * opened as, also after that node was deleted and made anew.
 *
 * @param paths absolute paths, such as `/dev/vfio/7`
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export async function findHolders(
  paths: readonly string[],
  options: TreeOptions = {},
): Promise<HolderReport> {
  const walk = walkProcesses(paths, options);
  for (;;) {
    const step = walk.next();
    if (step.done) return step.value;
    await setImmediate();
  }
}

/**
 * {@link findHolders} on this thread in one go: some microseconds a descriptor of the system.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function findHoldersSync(paths: readonly string[], options: TreeOptions = {}): HolderReport {
  const walk = walkProcesses(paths, options);
  for (;;) {
    const step = walk.next();
    if (step.done) return step.value;
  }
}

/** Whether the tree has processes at all: a copy that `userpci snapshot` makes has none, which is not to say that there were none. */
export function hasProcesses(options: TreeOptions = {}): boolean {
  checkTreeOptions(options);
  return readNames(pathIn(options, "/proc")).some((name) => /^\d+$/.test(name));
}

/** Holders as a sentence's object: `pid 41 (node driver.js), pid 57 (qemu-system-x86_64)`; "" if there is none. */
export function describeHolders(holders: readonly Holder[]): string {
  const byPid = new Map(holders.map((holder) => [holder.pid, holder.command]));
  return [...byPid].map(([pid, command]) => `pid ${pid} (${command})`).join(", ");
}

/** What makes holders let go, as the beginning of a hint: a program cannot be told to end itself. "" if there is none. */
export function endHolders(holders: readonly Holder[]): string {
  const others = holders.filter(({ pid }) => pid !== process.pid);
  return [
    ...(others.length > 0 ? [`end ${describeHolders(others)}`] : []),
    ...(others.length < holders.length ? [`close the device in this process (pid ${process.pid})`] : []),
  ].join(", and ");
}

/** Yields after each process, so that a caller on the event loop can let others run. */
function* walkProcesses(paths: readonly string[], options: TreeOptions): Generator<void, HolderReport> {
  checkTreeOptions(options);
  checkPaths(paths);
  const wanted = new Set(paths);
  const proc = pathIn(options, "/proc");
  const holders: Holder[] = [];
  let unreadable = 0;
  for (const pid of readNames(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    const open = openPaths(join(proc, pid, "fd"));
    if (open === null) unreadable += 1;
    else {
      for (const path of open) {
        if (wanted.has(path)) holders.push({ pid: Number(pid), command: commandOf(join(proc, pid)), path });
      }
    }
    yield;
  }
  return { holders: holders.sort((a, b) => a.pid - b.pid), unreadable };
}

/** What a process has open, without repetition; null if this user may not know. */
function openPaths(directory: string): Set<string> | null {
  try {
    return new Set(readNames(directory).flatMap((fd) => targetOf(join(directory, fd)) ?? []));
  } catch (error) {
    if (isPciError(error, "ERR_PERMISSION")) return null;
    throw error;
  }
}

function targetOf(link: string): string | null {
  try {
    return readlinkSync(link).replace(/ \(deleted\)$/, "");
  } catch {
    // Closed since the listing, or of a process that has changed its user.
    return null;
  }
}

/** What a process runs. @param process its directory in `/proc` */
export function commandOf(process: string): string {
  const line = readText(join(process, "cmdline"))?.replaceAll("\0", " ").trim();
  // A process names itself as it likes, also with what moves a terminal's cursor.
  const command = oneLine(line || readText(join(process, "comm")) || "unknown");
  return command.length > COMMAND_LENGTH ? `${command.slice(0, COMMAND_LENGTH - 1)}…` : command;
}
