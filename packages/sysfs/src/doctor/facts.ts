import { readFileSync, readlinkSync } from "node:fs";
import { isPciError } from "@userpci/interface";
import type { IommuGroup } from "../group.ts";
import { listGroups } from "../group.ts";
import { readManifest, type SnapshotManifest } from "../snapshot/manifest.ts";
import { readTopology, type Topology } from "../topology.ts";
import { oneLine, pathIn, readNames, readRealPath, type TreeOptions } from "../tree.ts";

/** A file of the machine, and what it says. */
export interface Evidence {
  /** Absolute, as on the machine that is looked at. */
  readonly path: string;
  readonly says: string;
}

/** What came of reading a file or a directory. */
export interface Reading<T> {
  readonly path: string;
  /** Null if it is not there, or must not be read. */
  readonly value: T | null;
  /** Whether it is there, and this user must not read it. */
  readonly denied: boolean;
}

/** Longest quotation of a file, in characters. */
const QUOTED = 120;

/** The machine that is looked at: reads each file once, and takes no error for an answer. */
export class Facts {
  readonly tree: TreeOptions;
  /** What a snapshot says of itself; null for a machine, and for a plain directory. */
  readonly manifest: SnapshotManifest | null;
  readonly #texts = new Map<string, Reading<string>>();
  readonly #names = new Map<string, Reading<readonly string[]>>();
  #groups: readonly IommuGroup[] | undefined;
  #topology: Topology | undefined;

  constructor(tree: TreeOptions) {
    this.tree = tree;
    this.manifest = readManifest(tree);
  }

  /** Whether this is the machine that this process runs on, and no copy of another. */
  get live(): boolean {
    return this.tree.root === undefined || this.tree.root === "/";
  }

  /** A file's text without the white space around it. */
  text(path: string): Reading<string> {
    let reading = this.#texts.get(path);
    if (reading === undefined) {
      const { value, denied } = this.bytes(path);
      reading = { path, value: value?.toString("utf8").trim() ?? null, denied };
      this.#texts.set(path, reading);
    }
    return reading;
  }

  /** A file's bytes. */
  bytes(path: string): Reading<Buffer> {
    // Who made the snapshot could not read it: there it is empty.
    if (this.manifest?.unreadable.includes(path)) return { path, value: null, denied: true };
    try {
      return { path, value: readFileSync(pathIn(this.tree, path)), denied: false };
    } catch (cause) {
      return { path, value: null, denied: isDenial(cause) };
    }
  }

  /** Names in a directory, sorted. */
  names(path: string): Reading<readonly string[]> {
    let reading = this.#names.get(path);
    if (reading === undefined) {
      reading = this.#list(path);
      this.#names.set(path, reading);
    }
    return reading;
  }

  /** Target of a link, as written. */
  link(path: string): Reading<string> {
    try {
      return { path, value: readlinkSync(pathIn(this.tree, path)), denied: false };
    } catch (cause) {
      return { path, value: null, denied: isDenial(cause) };
    }
  }

  /** Whether something is at a path. */
  has(path: string): boolean {
    try {
      return readRealPath(pathIn(this.tree, path)) !== null;
    } catch {
      // What must not be looked at is there.
      return true;
    }
  }

  /** The groups of the machine. */
  get groups(): readonly IommuGroup[] {
    this.#groups ??= listGroups(this.tree);
    return this.#groups;
  }

  /** Where its functions are connected. */
  get topology(): Topology {
    this.#topology ??= readTopology(this.tree);
    return this.#topology;
  }

  #list(path: string): Reading<readonly string[]> {
    try {
      const names = readNames(pathIn(this.tree, path));
      return { path, value: names.length > 0 || this.has(path) ? names : null, denied: false };
    } catch (error) {
      return { path, value: null, denied: isPciError(error, "ERR_PERMISSION") };
    }
  }
}

/** What a file says, as evidence; `says` in place of its text. */
export function evidence({ path, value, denied }: Reading<unknown>, says?: string): Evidence {
  if (denied) return { path, says: "not for this user to read" };
  if (value === null) return { path, says: "not there" };
  if (says !== undefined) return { path, says: quote(says) };
  const text = Array.isArray(value) ? value.join(" ") : String(value);
  return { path, says: text === "" ? "empty" : quote(text) };
}

/** A text of the machine in one line, shortened. */
export function quote(text: string): string {
  const line = oneLine(text);
  return line.length > QUOTED ? `${line.slice(0, QUOTED - 1)}…` : line;
}

/** A text of the machine as one word of a shell's command: fixes are pasted, and a copy of a machine may be anybody's. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${oneLine(text).replaceAll("'", "'\\''")}'`;
}

function isDenial(cause: unknown): boolean {
  return ["EACCES", "EPERM"].includes((cause as NodeJS.ErrnoException).code ?? "");
}
