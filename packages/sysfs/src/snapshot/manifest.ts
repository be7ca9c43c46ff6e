import { formatValue } from "@userpci/interface";
import { pathIn, readText, type TreeOptions } from "../tree.ts";

/** A device node of the machine that a snapshot was made of. */
export interface SnapshotNode {
  /** Such as `/dev/vfio/7`. */
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, such as `0o660`. */
  readonly mode: number;
}

/** What a snapshot says of itself, and what its files cannot say: `snapshot.json` in its root. */
export interface SnapshotManifest {
  readonly format: 1;
  /** Release of the kernel, such as `6.12.48`; null if it does not say. */
  readonly kernel: string | null;
  /** Effective user id of the process that made it: an ordinary user cannot read everything. */
  readonly uid: number;
  /** Whether addresses and serial numbers were taken out. */
  readonly redacted: boolean;
  /** Device nodes, which the snapshot has as empty files. */
  readonly nodes: readonly SnapshotNode[];
  /** Files that this user may not read; they are in the snapshot, empty. */
  readonly unreadable: readonly string[];
  /** Files of which the snapshot has the beginning alone. */
  readonly truncated: readonly string[];
}

/** Where the manifest is. */
export const MANIFEST = "/snapshot.json";

/**
 * What the snapshot below `root` says of itself; null for a plain directory, and for a machine's own root.
 *
 * @throws PciError `ERR_PERMISSION`; with the system's code if there is one, and it cannot be read
 */
export function readManifest(options: TreeOptions): SnapshotManifest | null {
  if (options.root === undefined) return null;
  const text = readText(pathIn(options, MANIFEST));
  if (text === null) return null;
  try {
    return parseManifest(JSON.parse(text));
  } catch {
    // Any file may have that name.
    return null;
  }
}

/** @throws TypeError for what is none, or of a later format */
function parseManifest(value: unknown): SnapshotManifest {
  const { format, kernel, uid, redacted, nodes, unreadable, truncated } = value as SnapshotManifest;
  const isText = (text: unknown): text is string => typeof text === "string";
  const good =
    format === 1 &&
    (kernel === null || isText(kernel)) &&
    Number.isSafeInteger(uid) &&
    typeof redacted === "boolean" &&
    [unreadable, truncated].every((list) => Array.isArray(list) && list.every(isText)) &&
    Array.isArray(nodes) &&
    nodes.every(
      ({ path, ...ids }) => isText(path) && [ids.uid, ids.gid, ids.mode].every(Number.isSafeInteger),
    );
  if (!good) throw new TypeError(`no manifest: ${formatValue(value)}`);
  return { format, kernel, uid, redacted, nodes, unreadable, truncated };
}
