import {
  closeSync,
  type Dirent,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname, join, relative } from "node:path/posix";
import { PciError } from "@userpci/interface";
import { systemFailure } from "../tree.ts";
import { type Content, nameOnly } from "./contents.ts";
import type { SnapshotNode } from "./manifest.ts";
import { TarWriter } from "./tar-writer.ts";

/** Most bytes of a file, unless the table says otherwise. */
const DEFAULT_LIMIT = 64 * 1024;
/** Most bytes of an archive. */
const MAX_ARCHIVE = 128 << 20;
/** Longest chain of links that is followed, as in Linux. */
const MAX_LINKS = 40;
/** Directories that a `*` matches at most: nobody has more devices. */
const MAX_MATCHES = 20_000;

/** Changes a file's content on its way into the snapshot. */
export type Edit = (path: string, content: Buffer, row: Content) => Uint8Array;

/** Copies a machine's files into an archive: each by its path without links, and the links that lead there. */
export class Collector {
  readonly #root: string;
  readonly #edit: Edit;
  readonly #writer = new TarWriter();
  readonly #seen = new Set<string>();
  /** Directories without links in their path, by the path that was asked for; null for what is not there. */
  readonly #resolved = new Map<string, string | null>([
    ["/", "/"],
    // The link has the number of this process, which is of no interest.
    ["/proc/self", "/proc/self"],
  ]);
  readonly nodes: SnapshotNode[] = [];
  readonly unreadable: string[] = [];
  readonly truncated: string[] = [];

  /** @param root directory that stands for `/` */
  constructor(root: string, edit: Edit) {
    this.#root = root;
    this.#edit = edit;
  }

  /** Number of files, links and directories so far. */
  get entries(): number {
    return this.#seen.size;
  }

  /** Adds what a row of the table names, as far as it is there. */
  add(row: Content): void {
    for (const folder of this.#match(row.at)) {
      if (this.#isNew(folder)) this.#writer.directory(folder.slice(1));
      const wanted = row.names.map(patternOf);
      for (const entry of this.#list(folder)) {
        if (wanted.some((pattern) => pattern.test(entry.name)))
          this.#take(join(folder, entry.name), entry, row);
      }
      this.#checkSize();
    }
  }

  /** Adds a file that the machine does not have. */
  addText(path: string, text: string): void {
    this.#writer.file(path.slice(1), Buffer.from(text));
  }

  /** The archive. */
  finish(): Uint8Array {
    return this.#writer.finish();
  }

  #checkSize(): void {
    if (this.#writer.size <= MAX_ARCHIVE) return;
    throw new PciError("ERR_OUT_OF_RANGE", `the snapshot would have more than ${MAX_ARCHIVE} bytes`, {
      hint: "say on the issue tracker what machine this is: its files are larger than any that is known",
    });
  }

  #isNew(path: string): boolean {
    if (path === "/" || this.#seen.has(path)) return false;
    this.#seen.add(path);
    return true;
  }

  #take(path: string, entry: Dirent, row: Content): void {
    if (entry.isSymbolicLink()) this.#takeLink(path, row);
    else if (entry.isDirectory()) {
      if (this.#isNew(path)) this.#writer.directory(path.slice(1));
    } else if (entry.isCharacterDevice()) this.#takeNode(path);
    else if (entry.isFile()) this.#takeFile(path, row);
  }

  /** A link, with the file or the directory that it leads to. */
  #takeLink(path: string, row: Content): void {
    const target = this.#resolve(path);
    if (target === null) return;
    if (!this.#isDirectory(target)) this.#takeFile(target, row);
    else if (this.#isNew(target)) this.#writer.directory(target.slice(1));
  }

  #takeNode(path: string): void {
    const stats = this.#look(path);
    if (stats === null || !this.#isNew(path)) return;
    const { uid, gid, mode } = stats;
    this.nodes.push({ path, uid, gid, mode: mode & 0o7777 });
    this.#writer.file(path.slice(1), Buffer.alloc(0), mode & 0o777);
  }

  #takeFile(path: string, row: Content): void {
    const stats = this.#look(path);
    if (!stats?.isFile() || !this.#isNew(path)) return;
    const content = this.#content(path, stats, row);
    if (content !== null)
      this.#writer.file(path.slice(1), this.#edit(path, content, row), stats.mode & 0o777);
  }

  /** Empty for what is kept by name alone and what this user may not read; null for what has gone. */
  #content(path: string, { mode }: Stats, { limit = DEFAULT_LIMIT }: Content): Buffer | null {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const isNameOnly = nameOnly.has(name) || /^resource\d/.test(name) || (mode & 0o444) === 0 || limit === 0;
    if (isNameOnly) return Buffer.alloc(0);
    try {
      const content = readBounded(join(this.#root, path), limit + 1);
      if (content.length <= limit) return content;
      this.truncated.push(path);
      return content.subarray(0, limit);
    } catch (cause) {
      const { code } = systemFailure(cause);
      if (code === "ENOENT" || code === "ENODEV") return null;
      this.unreadable.push(path);
      return Buffer.alloc(0);
    }
  }

  /** Directories that a pattern matches, without links in their paths. */
  #match(pattern: string): readonly string[] {
    let found = ["/"];
    for (const part of pattern.split("/").filter(Boolean)) {
      found = splitBraces(part).flatMap((each) => found.flatMap((folder) => this.#matchIn(folder, each)));
      if (found.length > MAX_MATCHES) found.length = MAX_MATCHES;
    }
    return found;
  }

  #matchIn(folder: string, part: string): readonly string[] {
    if (!part.includes("*")) return this.#folder(join(folder, part));
    const pattern = patternOf(part);
    return this.#list(folder).flatMap(({ name }) =>
      pattern.test(name) ? this.#folder(join(folder, name)) : [],
    );
  }

  #folder(path: string): readonly string[] {
    const real = this.#resolve(path);
    return real !== null && this.#isDirectory(real) ? [real] : [];
  }

  #isDirectory(path: string): boolean {
    return found(() => statSync(join(this.#root, path)))?.isDirectory() ?? false;
  }

  #list(folder: string): readonly Dirent[] {
    try {
      return readdirSync(join(this.#root, folder), { withFileTypes: true }).sort((a, b) =>
        a.name < b.name ? -1 : 1,
      );
    } catch {
      return [];
    }
  }

  #look(path: string): Stats | null {
    return found(() => lstatSync(join(this.#root, path)));
  }

  /** A path without links; each link on the way is taken. Null if nothing is there. */
  #resolve(path: string, followed = 0): string | null {
    const known = this.#resolved.get(path);
    if (known !== undefined) return known;
    const real = this.#resolveNew(path, followed);
    this.#resolved.set(path, real);
    return real;
  }

  #resolveNew(path: string, followed: number): string | null {
    const parent = this.#resolve(dirname(path), followed);
    if (parent === null || followed > MAX_LINKS) return null;
    const place = join(parent, path.slice(path.lastIndexOf("/") + 1));
    const stats = this.#look(place);
    if (stats === null || !stats.isSymbolicLink()) return stats === null ? null : place;
    const target = found(() => readlinkSync(join(this.#root, place)));
    if (target === null) return null;
    // A path that leads above the root ends there.
    const end = join("/", target.startsWith("/") ? "" : parent, target);
    if (this.#isNew(place)) this.#writer.link(place.slice(1), relative(parent, end));
    return this.#resolve(end, followed + 1);
  }
}

/** Null for what is not there, has just gone, or lies where this user may not look. */
function found<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}

/** Reads at most so many bytes: files of sysfs tell no size that can be trusted. */
function readBounded(path: string, most: number): Buffer {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(most);
    let filled = 0;
    for (let got = -1; got !== 0 && filled < most; filled += got) {
      got = readSync(file, buffer, filled, most - filled, null);
    }
    return Buffer.from(buffer.subarray(0, filled));
  } finally {
    closeSync(file);
  }
}

/** `{a,b}` as its parts. */
function splitBraces(part: string): readonly string[] {
  return part.startsWith("{") ? part.slice(1, -1).split(",") : [part];
}

function patternOf(name: string): RegExp {
  const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${name.split("*").map(literal).join(".*")}$`);
}
