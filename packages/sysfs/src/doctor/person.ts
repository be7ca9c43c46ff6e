import { accessSync, constants } from "node:fs";
import { type NodeStatus, readNodeStatus } from "../nodes.ts";
import type { Facts } from "./facts.ts";

/** Who asks, as the machine's procfs says. */
export interface Person {
  readonly uid: number;
  /** Name in `/etc/passwd`, or the number. */
  readonly name: string;
  readonly groups: readonly number[];
  /** Whether it is of the machine's own user namespace: another one's root may do no more than an ordinary user. */
  readonly initial: boolean;
  /** Whether file permissions do not bind it (`CAP_DAC_OVERRIDE`). */
  readonly overrides: boolean;
  /** Whether it may pin without a limit (`CAP_IPC_LOCK`). */
  readonly pins: boolean;
}

const STATUS = "/proc/self/status";
// Bits of the capability mask (linux/capability.h).
const DAC_OVERRIDE = 1n;
const IPC_LOCK = 14n;
/** The initial user namespace, in which the kernel asks for the latter (`PROC_USER_INIT_INO` in `linux/proc_ns.h`). */
const INITIAL = "4294967295";

/** Who runs this process, or ran the one that a copy was made by; null if the tree does not tell. */
export function person(facts: Facts): Person | null {
  const text = facts.text(STATUS).value;
  const field = (name: string) =>
    new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(text ?? "")?.[1]?.split(/\s+/);
  // Real, effective, saved, and the file system's.
  const uid = Number(field("Uid")?.[1] ?? Number.NaN);
  if (!Number.isInteger(uid)) return null;
  const gid = Number(field("Gid")?.[1]);
  const mask = field("CapEff")?.[0] ?? "0";
  const capabilities = /^[0-9a-f]{1,16}$/i.test(mask) ? BigInt(`0x${mask}`) : 0n;
  const initial = inInitialNamespace(facts);
  const may = (bit: bigint) => ((capabilities >> bit) & 1n) === 1n;
  return {
    uid,
    name: nameOf(uid, facts),
    groups: [gid, ...(field("Groups") ?? []).filter(Boolean).map(Number)],
    initial,
    overrides: may(DAC_OVERRIDE) && initial,
    pins: may(IPC_LOCK) && initial,
  };
}

/** Who asks, in words: `root`, or `alice (uid 1000)`. */
export function describePerson(who: Person): string {
  return who.uid === 0
    ? "root"
    : who.name === String(who.uid)
      ? `uid ${who.uid}`
      : `${who.name} (uid ${who.uid})`;
}

function nameOf(uid: number, facts: Facts): string {
  const lines = (facts.text("/etc/passwd").value ?? "").split("\n").map((line) => line.split(":"));
  const name = lines.find(([, , id]) => /^\d+$/.test(id ?? "") && Number(id) === uid)?.[0] ?? "";
  // It becomes a part of commands that are pasted.
  return /^[\w.][\w.@-]*\$?$/.test(name) ? name : String(uid);
}

// A user namespace of one's own maps less than all users.
function inInitialNamespace(facts: Facts): boolean {
  const map = facts.text("/proc/self/uid_map").value;
  return map === null || map.split(/\s+/)[2] === INITIAL;
}

/** Whether a node can be opened for reading and writing. */
export interface NodeAccess {
  readonly path: string;
  /** `cgroup`: its mode would allow it, but a container or unit may not use the device. */
  readonly answer: "open" | "closed" | "cgroup" | "absent" | "unknown";
  /** Owner and mode in words. */
  readonly says: string;
  /** Its owner. */
  readonly uid: number;
}

/** Asks the kernel, or reckons for a copy of another machine, whether this user may open a node. */
export function nodeAccess(path: string, facts: Facts): NodeAccess {
  const node = statusOf(path, facts);
  if (node === null) return { path, says: "not there", uid: 0, answer: "absent" };
  if (node === "hidden")
    return { path, says: "in a directory closed to this user", uid: 0, answer: "closed" };
  const { uid, gid, mode } = node;
  const says = `owner ${uid}:${gid}, mode 0${(mode & 0o777).toString(8).padStart(3, "0")}`;
  return { path, says, uid, answer: facts.live ? askKernel(path) : reckon(facts, node) };
}

function statusOf(path: string, facts: Facts): NodeStatus | "hidden" | null {
  try {
    return readNodeStatus(path, facts.tree);
  } catch {
    return "hidden";
  }
}

function askKernel(path: string): NodeAccess["answer"] {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return "open";
  } catch (cause) {
    // The mode gives EACCES, the devices that a cgroup may use EPERM (`inode_permission` in fs/namei.c).
    return (cause as NodeJS.ErrnoException).code === "EPERM" ? "cgroup" : "closed";
  }
}

function reckon(facts: Facts, node: NodeStatus): NodeAccess["answer"] {
  const who = person(facts);
  if (who === null) return "unknown";
  const shift = who.uid === node.uid ? 6 : who.groups.includes(node.gid) ? 3 : 0;
  return who.overrides || ((node.mode >> shift) & 6) === 6 ? "open" : "closed";
}
