import { readlinkSync } from "node:fs";
import { readText } from "./tree.ts";

/** A process, told from those that had its number before and will have it after. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in ticks since the boot: field 22 of `/proc/PID/stat` (proc_pid_stat(5)). */
  readonly started: string;
  /** The pid namespace that its number belongs to. */
  readonly namespace: string;
}

/** The process with a number; null if none runs. */
export function identify(pid: number): ProcessIdentity | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name, in parentheses, may have spaces and parentheses itself. The state follows: field 3.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A zombie does nothing any more.
  if (fields[0] === "Z" || fields[0] === "X") return null;
  return { pid, started: fields[19]!, namespace: namespaceOfNumbers() };
}

/** Whether a process still runs. One of another pid namespace cannot be looked up from here, and counts as running. */
export function isRunning({ pid, started, namespace }: ProcessIdentity): boolean {
  return isElsewhere({ namespace }) || identify(pid)?.started === started;
}

/** Whether a process is this one. */
export function isThisProcess({ pid, namespace }: ProcessIdentity): boolean {
  return pid === process.pid && namespace === namespaceOfNumbers();
}

/** Whether a process is of another pid namespace, as in a container, so that its number says nothing here. */
export function isElsewhere({ namespace }: Pick<ProcessIdentity, "namespace">): boolean {
  return namespace !== namespaceOfNumbers();
}

function namespaceOfNumbers(): string {
  return readlinkSync("/proc/self/ns/pid");
}
