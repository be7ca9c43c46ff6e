import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
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
 * @throws PciError with the system's code if it cannot be read
 */
export async function readState(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (systemFailure(cause).code === "ENOENT") return null;
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
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(draft, text, { mode: 0o644 });
    return await put(draft);
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw explainWrite(path, cause);
  }
}
