import { randomUUID } from "node:crypto";
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { PciError } from "@userpci/interface";
import { explainWrite } from "./kernel.ts";
import { pathIn, systemFailure, type TreeOptions, unreadable } from "./tree.ts";

// On a tmpfs: at the next boot the bindings are gone, and so is what was kept of them.
const DIRECTORY = "/run/userpci";

/** Directory of what processes of ours tell each other about functions. */
export function stateDirectory(options: TreeOptions): string {
  return pathIn(options, DIRECTORY);
}

/** Path of a file in it. */
export function statePath(name: string, options: TreeOptions): string {
  return join(stateDirectory(options), name);
}

/**
 * Text of a state file, or null if there is none.
 *
 * @throws PciError `ERR_PERMISSION`, or with the system's code if it cannot be read
 */
export async function readState(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const { code, system } = systemFailure(cause);
    if (code === "ENOENT") return null;
    if (code === "EACCES" || code === "EPERM")
      throw new PciError("ERR_PERMISSION", `this user may not read ${path}`, {
        ...system,
        path,
        hint: `run it as root, or let everybody read it: sudo chmod a+rX ${dirname(path)} ${path}`,
      });
    throw unreadable(path, cause);
  }
}

/**
 * Writes a state file in one step, in place of one that may be there.
 *
 * @throws PciError `ERR_PERMISSION`, or with the system's code if it cannot be written
 */
export async function replaceState(path: string, text: string): Promise<void> {
  await withDraft(path, text, (draft) => rename(draft, path));
}

/**
 * Writes a state file in one step unless there is one.
 *
 * @returns whether it did
 * @throws PciError `ERR_PERMISSION`, or with the system's code if it cannot be written
 */
export async function createState(path: string, text: string): Promise<boolean> {
  return withDraft(path, text, async (draft) => {
    try {
      await link(draft, path);
      return true;
    } catch (cause) {
      if (systemFailure(cause).code === "EEXIST") return false;
      throw cause;
    } finally {
      await rm(draft, { force: true });
    }
  });
}

/**
 * Removes a state file. Harmless if there is none.
 *
 * @throws PciError `ERR_PERMISSION`, or with the system's code
 */
export async function removeState(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (cause) {
    throw explainWrite(path, cause);
  }
}

/** @param put gives a complete draft its name */
async function withDraft<T>(path: string, text: string, put: (draft: string) => Promise<T>): Promise<T> {
  // A process of another pid namespace may have this one's number.
  const draft = `${path}.${randomUUID()}.tmp`;
  try {
    await makeDirectory(resolve(dirname(path)));
    await writeFile(draft, text);
    // The umask does not count: ordinary users are to see who has bound what, and with a umask of 077 could not.
    await chmod(draft, 0o644);
    return await put(draft);
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw explainWrite(path, cause);
  }
}

/** Makes a directory that everybody can read, whatever the umask, with those above it. One that is there stays as it is. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
}
