import { PciError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { commandOf } from "./holders.ts";
import { identify, isElsewhere, isRunning, isThisProcess, type ProcessIdentity } from "./process-identity.ts";

/** What a call does to a function. */
export type Action = "bind" | "unbind" | "sriov" | "config" | "setup" | "reset";

/** Text of a lock file: the call that it was made for. The lock is that call's while one of both processes runs. */
export interface LockRecord {
  readonly version: 1;
  /** The function that the call is for. */
  readonly address: string;
  readonly action: Action;
  /** The process that made the call; null once that has stopped waiting for the kernel. */
  readonly caller: ProcessIdentity | null;
  /** The process that writes for it. */
  readonly writer: ProcessIdentity;
  /** Time of the call, ISO 8601. */
  readonly since: string;
}

/** The record of a call that this process makes. */
export function recordOf(action: Action, address: string, writer = thisProcess()): LockRecord {
  return { version: 1, address, action, caller: thisProcess(), writer, since: new Date().toISOString() };
}

function thisProcess(): ProcessIdentity {
  return identify(process.pid)!;
}

const doing: Readonly<Record<Action, string>> = {
  bind: "binding",
  unbind: "unbinding",
  sriov: "changing the virtual functions of",
  config: "writing to the configuration space of",
  reset: "resetting",
  setup: "changing what lasts over boots of",
};

/**
 * What a lock file says; null if nothing was ever written so, as where a machine went down half-way.
 *
 * @param path of the file, for the message
 * @throws PciError `ERR_BUSY` for a format of another version, whose owners cannot be told
 */
export function parseLock(text: string, path: string): LockRecord | null {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { version } = value as Partial<LockRecord>;
  if (version === 1) return isLockRecord(value) ? value : null;
  const format = version === undefined ? "without a version" : `version ${JSON.stringify(version)}`;
  throw new PciError("ERR_BUSY", `${path} was written by another version of userpci (${format}, not 1)`, {
    path,
    hint: `let that version finish; if none of it runs any more: sudo rm ${path}`,
  });
}

/** Whether a process that the lock belongs to still runs. */
export function isOwned({ caller, writer }: LockRecord): boolean {
  return isRunning(writer) || (caller !== null && isRunning(caller));
}

/**
 * The error for a lock that its caller still has.
 *
 * @param path of the file, for where it cannot be seen whether the owner still runs
 * @param hint what to do otherwise
 */
export function lockedBy(record: LockRecord, path: string, hint: string): PciError {
  const { address, action, caller, writer, since } = record;
  const owner = caller ?? writer;
  return new PciError("ERR_BUSY", `${nameOf(owner)} is ${doing[action]} ${address}, since ${since}`, {
    path,
    hint: isElsewhere(owner) ? `if that has ended, with its container: sudo rm ${path}` : hint,
    details: { address, action, pid: owner.pid, since },
  });
}

function nameOf(owner: ProcessIdentity): string {
  if (isThisProcess(owner)) return "another call of this process";
  if (isElsewhere(owner)) return `a process in a container (pid ${owner.pid} there)`;
  return `pid ${owner.pid} (${commandOf(`/proc/${owner.pid}`)})`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isLockRecord(value: object): value is LockRecord {
  const { address, action, caller, writer, since } = value as Partial<Record<keyof LockRecord, unknown>>;
  return (
    typeof address === "string" &&
    PciAddress.tryParse(address) !== null &&
    typeof action === "string" &&
    Object.hasOwn(doing, action) &&
    (caller === null || isIdentity(caller)) &&
    isIdentity(writer) &&
    typeof since === "string" &&
    !Number.isNaN(Date.parse(since))
  );
}

function isIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== "object" || value === null) return false;
  const { pid, started, namespace } = value as Partial<Record<keyof ProcessIdentity, unknown>>;
  return Number.isSafeInteger(pid) && typeof started === "string" && typeof namespace === "string";
}
