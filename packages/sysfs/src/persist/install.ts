import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { PciError } from "@userpci/interface";
import { explainWrite } from "../kernel.ts";
import { checkTreeOptions } from "../options.ts";
import { pathIn, readNames, systemFailure, type TreeOptions, unreadable } from "../tree.ts";
import {
  addressOfRule,
  allShelves,
  type FileKind,
  type FilePurpose,
  type GeneratedFile,
  isNameOn,
  MARK,
} from "./generated-file.ts";

/** A file of ours that is on the machine. */
export interface InstalledFile {
  readonly purpose: FilePurpose;
  readonly kind: FileKind;
  readonly path: string;
  /** The command after which its coming or going counts; null for none. */
  readonly after: string | null;
}

/** A file as it is or is to be; null for none. */
export type FileContent = { readonly text: string; readonly mode: number } | null;

/** What is to become of a file. */
export interface FileChange extends InstalledFile {
  readonly change: "write" | "remove" | "none";
  readonly former: FileContent;
  readonly next: FileContent;
}

/** The files of ours that are there for a function. */
export function installedFiles(
  address: string,
  purposes: readonly FilePurpose[],
  options: TreeOptions,
): InstalledFile[] {
  return allShelves
    .filter(({ purpose }) => purposes.includes(purpose))
    .flatMap((shelf) => {
      const { purpose, kind, directory, after = null } = shelf;
      return expand(directory, options).flatMap((place) =>
        readNames(pathIn(options, place))
          .filter((name) => isNameOn(shelf, name.replace(DRAFT, "$1"), address))
          .toReversed()
          .map((name) => ({ purpose, kind, path: `${place}/${name}`, after })),
      );
    });
}

/** A file on its way, as {@link put} names it. With a dot before it, it is passed over by all that read these directories. */
const DRAFT = /^\.(.*)\.[0-9a-f-]{36}\.tmp$/;

function draftOf(path: string): string {
  return `${dirname(path)}/.${basename(path)}.${randomUUID()}.tmp`;
}

/** Addresses of the functions that have a rule of ours, sorted. */
export function persistentFunctions(options: TreeOptions = {}): string[] {
  checkTreeOptions(options);
  const names = readNames(pathIn(options, "/etc/udev/rules.d"));
  return [...new Set(names.flatMap((name) => addressOfRule(name) ?? []))].sort();
}

/** The directories that a path with a `*` in its last part stands for. */
function expand(directory: string, options: TreeOptions): string[] {
  if (!directory.includes("*")) return [directory];
  const [start = "", end = ""] = basename(directory).split("*");
  const parent = dirname(directory);
  return readNames(pathIn(options, parent))
    .filter((name) => name.startsWith(start) && name.endsWith(end))
    .map((name) => `${parent}/${name}`);
}

/**
 * What it takes for a function to have these files, and no other ones of these purposes.
 *
 * @throws PciError `ERR_BUSY` for a file of that name that userpci did not write, or with the system's code
 */
export async function planFiles(
  address: string,
  purposes: readonly FilePurpose[],
  files: readonly GeneratedFile[],
  options: TreeOptions,
): Promise<FileChange[]> {
  const wanted = files.flatMap((file) => (file.path === null ? [] : [{ ...file, path: file.path }]));
  const stale = installedFiles(address, purposes, options).filter(
    ({ path }) => !wanted.some((file) => file.path === path),
  );
  const writes = wanted.map(async ({ purpose, kind, path, after, text, mode }) =>
    changeOf({ purpose, kind, path, after }, { text, mode }, options),
  );
  // Rules go last: as long as there is one, the function is among those of which something lasts.
  const removals = stale.toReversed().map(async (file) => changeOf(file, null, options));
  return Promise.all([...writes, ...removals]);
}

async function changeOf(file: InstalledFile, next: FileContent, options: TreeOptions): Promise<FileChange> {
  const former = await present(file.path, options);
  if (former !== null && !former.text.includes(MARK) && !DRAFT.test(basename(file.path))) {
    throw new PciError("ERR_BUSY", `${file.path} is there, and userpci did not write it`, {
      path: file.path,
      hint: `look at it; if nobody needs it: sudo rm ${file.path}`,
    });
  }
  const same = former?.text === next?.text && former?.mode === next?.mode;
  return { ...file, change: same ? "none" : next === null ? "remove" : "write", former, next };
}

/**
 * Changes files, each in one step and on the disk. All of them or none: where one fails, the others are as they were.
 *
 * @param command what would do it as root, for the error
 * @throws PciError `ERR_PERMISSION`, or with the system's code
 */
export async function changeFiles(
  changes: readonly FileChange[],
  command: string,
  options: TreeOptions,
): Promise<void> {
  const begun: FileChange[] = [];
  try {
    for (const change of changes.filter((candidate) => candidate.change !== "none")) {
      begun.unshift(change);
      await put(pathIn(options, change.path), change.next, command);
    }
  } catch (error) {
    for (const { path, former } of begun)
      await put(pathIn(options, path), former, command).catch(() => undefined);
    throw error;
  }
}

/** What is there now. @throws PciError with the system's code */
async function present(path: string, options: TreeOptions): Promise<FileContent> {
  const place = pathIn(options, path);
  try {
    const file = await open(place, "r");
    try {
      return { text: await readFile(file, "utf8"), mode: (await file.stat()).mode & 0o7777 };
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (systemFailure(cause).code === "ENOENT") return null;
    throw unreadable(place, cause);
  }
}

/** Makes a file what it is to be. @throws PciError `ERR_PERMISSION`, or with the system's code */
async function put(place: string, next: FileContent, command: string): Promise<void> {
  const draft = draftOf(place);
  try {
    if (next === null) {
      await rm(place, { force: true });
      // A directory that was made for this file alone, as drop-ins have it. One with anything in it stays.
      if (dirname(place).endsWith(".service.d")) await rmdir(dirname(place)).catch(() => undefined);
      return;
    }
    await mkdir(dirname(place), { recursive: true, mode: 0o755 });
    const file = await open(draft, "wx", next.mode);
    try {
      await file.writeFile(next.text);
      // Whatever the umask is.
      await file.chmod(next.mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, place);
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw explainWrite(place, cause, command);
  }
}
