import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { PinBudget } from "@userpci/interface";

/** What a process may pin and has pinned, in bytes (row R13). */
export interface Memlock {
  /** Soft `RLIMIT_MEMLOCK`; `Infinity` if unlimited. */
  readonly limit: number;
  /** Pages that count against it now, where type1 accounts: `VmLck`. For iommufd see {@link readUserMemlock}. */
  readonly locked: number;
  /** Whether the limit does not apply: the process has `CAP_IPC_LOCK` in the initial user namespace. */
  readonly exempt: boolean;
}

/** Bit of `CAP_IPC_LOCK` in the capability mask (`linux/capability.h`). */
const CAP_IPC_LOCK = 14n;

/** The initial user namespace: the same number on every system (`PROC_USER_INIT_INO` in `linux/proc_ns.h`). */
const INITIAL_USER_NAMESPACE = "user:[4026531837]";

const field = (text: string, pattern: RegExp): string | undefined => pattern.exec(text)?.[1];

/**
 * Reads the limit and what is used of it from procfs.
 *
 * @param root directory that holds `limits`, `status` and `ns/user`; default `/proc/self`
 */
export function readMemlock(root = "/proc/self"): Memlock {
  const limits = readFileSync(`${root}/limits`, "utf8");
  const status = readFileSync(`${root}/status`, "utf8");
  const soft = field(limits, /^Max locked memory\s+(\S+)/m) ?? "unlimited";
  const capabilities = BigInt(`0x${field(status, /^CapEff:\s*([0-9a-f]+)/m) ?? "0"}`);
  return {
    limit: soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft),
    locked: Number(field(status, /^VmLck:\s*(\d+) kB/m) ?? "0") * 1024,
    // The kernel asks by `capable()`, which wants it in the initial user namespace.
    exempt: ((capabilities >> CAP_IPC_LOCK) & 1n) === 1n && isInitialNamespace(root),
  };
}

/** Whether a process is in the initial user namespace. A kernel that is built without them has no link to tell. */
function isInitialNamespace(root: string): boolean {
  try {
    return readlinkSync(join(root, "ns", "user")) === INITIAL_USER_NAMESPACE;
  } catch {
    return true;
  }
}

/**
 * What {@link readMemlock} reads, where iommufd accounts: `VmPin` of all processes of this user together, as far as this
 * user may see them (`iopt_pages` in `drivers/iommu/iommufd/pages.c`).
 *
 * @param root directory with a directory for each process; default `/proc`
 */
export function readUserMemlock(root = "/proc"): Memlock {
  const self = statusOf(join(root, "self"))!;
  const user = userOf(self);
  const all = readdirSync(root).filter((name) => /^\d+$/.test(name));
  const statuses = all.flatMap((name) => statusOf(join(root, name)) ?? []);
  const mine = statuses.filter((status) => userOf(status) === user);
  const pinned = mine.map((status) => Number(field(status, /^VmPin:\s*(\d+) kB/m) ?? "0") * 1024);
  return { ...readMemlock(join(root, "self")), locked: pinned.reduce((sum, each) => sum + each, 0) };
}

/** {@link readMemlock} or {@link readUserMemlock}, for a mapper. */
export function readPins(scope: PinBudget["scope"]): PinBudget {
  const { limit, locked, exempt } = scope === "process" ? readMemlock() : readUserMemlock();
  const user = process.env["USER"];
  return { scope, used: locked, limit, exempt, ...(user !== undefined && { user }) };
}

/** A process's status; undefined for one that has ended. */
function statusOf(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, "status"), "utf8");
  } catch {
    return undefined;
  }
}

/** The real user id. */
const userOf = (status: string): string | undefined => field(status, /^Uid:\s*(\d+)/m);
