import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PciError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import type { Ownership } from "./kernel.ts";
import { explainWrite } from "./kernel.ts";
import { pathIn, readNames, systemFailure, type TreeOptions } from "./tree.ts";

/** What a function was before it was bound, kept on disk so that another process can give it back. */
export interface JournalEntry {
  readonly version: 1;
  readonly address: string;
  /** The driver it had; null for none; absent if it was already on vfio-pci, bound by somebody else. */
  readonly formerDriver?: string | null;
  /** What `driver_override` said. */
  readonly formerOverride: string | null;
  /** Who owned the device nodes that were opened up to a user. */
  readonly nodes: Readonly<Record<string, Ownership>>;
  /** Uid of the user they were opened up to; null for none. */
  readonly user: number | null;
  /** Time of binding, ISO 8601. */
  readonly since: string;
}

// On a tmpfs: at the next boot the bindings are gone, and so is the journal.
const DIRECTORY = "/run/userpci";

function entryPath(address: string, options: TreeOptions): string {
  return join(pathIn(options, DIRECTORY), `${address}.json`);
}

/** The entry of a function, or null if there is none. */
export async function readEntry(address: string, options: TreeOptions): Promise<JournalEntry | null> {
  try {
    const entry: unknown = JSON.parse(await readFile(entryPath(address, options), "utf8"));
    return isEntry(entry, address) ? entry : null;
  } catch {
    // Entries appear and go in one step, so what cannot be read was not made here: as good as none.
    return null;
  }
}

/** Entries of the other functions. */
export async function otherEntries(address: string, options: TreeOptions): Promise<JournalEntry[]> {
  const names = readNames(pathIn(options, DIRECTORY)).filter((name) => name.endsWith(".json"));
  const others = names.map((name) => name.slice(0, -".json".length)).filter((name) => name !== address);
  const entries = await Promise.all(others.map((name) => readEntry(name, options)));
  return entries.filter((entry) => entry !== null);
}

/**
 * Writes an entry, in one step, to disk before anything it describes is done.
 *
 * @throws PciError `ERR_PERMISSION`
 */
export async function writeEntry(entry: JournalEntry, options: TreeOptions): Promise<void> {
  await publish(entry, options, rename);
}

/**
 * Writes the first entry of a function: of two processes that bind it at once, one gets no further than here.
 *
 * @throws PciError `ERR_BUSY` if there is one by now; `ERR_PERMISSION`
 */
export async function createEntry(entry: JournalEntry, options: TreeOptions): Promise<void> {
  await publish(entry, options, async (draft, path) => {
    await link(draft, path);
    await rm(draft, { force: true });
  });
}

/** @param put gives a complete draft its name */
async function publish(
  entry: JournalEntry,
  options: TreeOptions,
  put: (draft: string, path: string) => Promise<void>,
): Promise<void> {
  const path = entryPath(entry.address, options);
  drafts += 1;
  const draft = `${path}.${process.pid}-${drafts}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(draft, `${JSON.stringify(entry, null, 2)}\n`, { mode: 0o644 });
    await put(draft, path);
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw systemFailure(cause).code === "EEXIST"
      ? takenMeanwhile(entry.address, path)
      : explainWrite(path, cause);
  }
}

let drafts = 0;

function takenMeanwhile(address: string, path: string): PciError {
  return new PciError("ERR_BUSY", `another call or process is binding ${address}`, {
    path,
    hint: `look at what came of it: userpci show ${address}`,
  });
}

/** Removes an entry. Harmless if there is none. */
export async function removeEntry(address: string, options: TreeOptions): Promise<void> {
  await rm(entryPath(address, options), { force: true });
}

function isEntry(value: unknown, address: string): value is JournalEntry {
  if (typeof value !== "object" || value === null) return false;
  const entry = value as Partial<Record<keyof JournalEntry, unknown>>;
  return (
    entry.version === 1 &&
    entry.address === address &&
    PciAddress.tryParse(address) !== null &&
    isNameOrNull(entry.formerOverride) &&
    (entry.formerDriver === undefined || isNameOrNull(entry.formerDriver)) &&
    typeof entry.nodes === "object" &&
    entry.nodes !== null &&
    (entry.user === null || Number.isSafeInteger(entry.user))
  );
}

// Names become parts of paths.
function isNameOrNull(value: unknown): value is string | null {
  return value === null || (typeof value === "string" && /^[^/\s]+$/.test(value) && !value.startsWith("."));
}
