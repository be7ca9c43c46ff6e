import { join } from "node:path";
import { isPciError } from "@userpci/interface";
import { pathIn, readLink, readNames, readText, type TreeOptions } from "../tree.ts";

/** A mounted file system: a line of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)). */
export interface Mount {
  /** Number of its device, `259:2`; of no block device for btrfs, 9p and the like. */
  readonly device: string;
  readonly place: string;
  /** Such as `ext4`. */
  readonly type: string;
  /** What was mounted, such as `/dev/nvme0n1p2`. */
  readonly source: string;
  /** The file that says so. */
  readonly evidence: string;
}

/** A partition or a file that memory is swapped to. */
export interface Swap {
  readonly path: string;
  readonly isFile: boolean;
}

/**
 * What is mounted anywhere on the machine, also in other mount namespaces as of containers, as far as this user may see.
 * Each device and place once.
 */
export function readMounts(options: TreeOptions): Mount[] {
  const found = new Map<string, Mount>();
  for (const path of namespacesOfMounts(options)) {
    for (const mount of parseMounts(readOpen(pathIn(options, path)) ?? "", path)) {
      const key = `${mount.device} ${mount.place}`;
      if (!found.has(key)) found.set(key, mount);
    }
  }
  return [...found.values()];
}

/** A `mountinfo` of each mount namespace, this process's first. */
function namespacesOfMounts(options: TreeOptions): string[] {
  const pids = readNames(pathIn(options, "/proc")).filter((name) => /^\d+$/.test(name));
  const known = new Map([[namespaceOf(pathIn(options, "/proc/self")), "/proc/self/mountinfo"]]);
  for (const pid of pids) {
    const namespace = namespaceOf(pathIn(options, `/proc/${pid}`));
    if (namespace !== null && !known.has(namespace)) known.set(namespace, `/proc/${pid}/mountinfo`);
  }
  return [...known.values()];
}

function namespaceOf(process: string): string | null {
  try {
    return readLink(join(process, "ns/mnt"));
  } catch (error) {
    // Another user's process.
    if (isPciError(error, "ERR_PERMISSION")) return null;
    throw error;
  }
}

/** A process may end, or change its user, between the listing and here. */
function readOpen(path: string): string | null {
  try {
    return readText(path);
  } catch {
    return null;
  }
}

/** Mounts of the text of a `mountinfo`. Lines of another form are left out. */
export function parseMounts(text: string, evidence: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , device, , place] = before.split(" ");
    const [type, source] = after.split(" ");
    if (device === undefined || place === undefined || type === undefined || source === undefined) return [];
    return { device, place: unescaped(place), type, source: unescaped(source), evidence };
  });
}

/** What memory is swapped to: `/proc/swaps`. */
export function readSwaps(options: TreeOptions): Swap[] {
  return parseSwaps(readText(pathIn(options, "/proc/swaps")) ?? "");
}

/** Swaps of the text of `/proc/swaps`, whose first line is a title. */
export function parseSwaps(text: string): Swap[] {
  return text.split("\n").flatMap((line) => {
    const [path = "", type = ""] = line.trim().split(/\s+/);
    return path.startsWith("/") ? { path: unescaped(path), isFile: type === "file" } : [];
  });
}

// Space, tab, line feed and backslash are written as octal numbers (`mangle_path` of fs/seq_file.c).
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
