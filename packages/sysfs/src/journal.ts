import { PciAddress } from "./address.ts";
import type { PciFunction } from "./function.ts";
import type { Ownership } from "./kernel.ts";
import { readState, removeState, replaceState, stateDirectory, statePath } from "./state-file.ts";
import { readNames, type TreeOptions } from "./tree.ts";

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

/** The entry of a function that is on vfio-pci, bound by somebody else. */
export function unknownPast(fn: PciFunction): JournalEntry {
  return {
    version: 1,
    address: fn.address,
    formerOverride: null,
    nodes: {},
    user: null,
    since: new Date().toISOString(),
  };
}

function entryPath(address: string, options: TreeOptions): string {
  return statePath(`${address}.json`, options);
}

/** The entry of a function, or null if there is none. */
export async function readEntry(address: string, options: TreeOptions): Promise<JournalEntry | null> {
  try {
    const entry: unknown = JSON.parse((await readState(entryPath(address, options))) ?? "null");
    return isEntry(entry, address) ? entry : null;
  } catch {
    // Entries appear and go in one step, so what cannot be read was not made here: as good as none.
    return null;
  }
}

/** Entries of the other functions. */
export async function otherEntries(address: string, options: TreeOptions): Promise<JournalEntry[]> {
  const names = readNames(stateDirectory(options)).filter((name) => name.endsWith(".json"));
  const others = names.map((name) => name.slice(0, -".json".length)).filter((name) => name !== address);
  const entries = await Promise.all(others.map((name) => readEntry(name, options)));
  return entries.filter((entry) => entry !== null);
}

/**
 * Writes an entry, in one step, to disk before anything it describes is done.
 *
 * @throws PciError `ERR_PERMISSION`, or with the system's code
 */
export async function writeEntry(entry: JournalEntry, options: TreeOptions): Promise<void> {
  await replaceState(entryPath(entry.address, options), `${JSON.stringify(entry, null, 2)}\n`);
}

/**
 * Removes an entry. Harmless if there is none.
 *
 * @throws PciError `ERR_PERMISSION`, or with the system's code
 */
export async function removeEntry(address: string, options: TreeOptions): Promise<void> {
  await removeState(entryPath(address, options));
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
