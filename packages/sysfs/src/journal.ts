import { isPciError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import type { PciFunction } from "./function.ts";
import type { Ownership } from "./kernel.ts";
import { type BindStep, stepTitles } from "./progress.ts";
import { readState, removeState, replaceState, stateDirectory, statePath } from "./state-file.ts";
import { readNames, type TreeOptions } from "./tree.ts";

/** What a call was at when it wrote to the journal last. */
export interface Doing {
  readonly action: "bind" | "unbind";
  readonly step: BindStep;
  /** Time when the step began, ISO 8601. */
  readonly since: string;
}

/** What a function was before it was bound, kept on disk so that another process can give it back. */
export interface JournalEntry {
  readonly version: 1;
  readonly address: string;
  /** `vendor:device`: another function may come to the address. */
  readonly id: string;
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
  /** The step that was begun last of a call that has not ended, whether or not its process still runs; null for none. */
  readonly doing: Doing | null;
  /** Addresses of all that were bound by the same call: all of them are, or none. */
  readonly together: readonly string[];
}

/** The entry of a function that is on vfio-pci, bound by somebody else. */
export function unknownPast(fn: PciFunction): JournalEntry {
  return {
    version: 1,
    address: fn.address,
    id: idOf(fn),
    formerOverride: null,
    nodes: {},
    user: null,
    since: new Date().toISOString(),
    doing: null,
    together: [fn.address],
  };
}

/** `vendor:device` of a function, as the journal has it. */
export function idOf({ vendor, device }: Pick<PciFunction, "vendor" | "device">): string {
  return [vendor, device].map((id) => id.toString(16).padStart(4, "0")).join(":");
}

function entryPath(address: string, options: TreeOptions): string {
  return statePath(`${address}.json`, options);
}

/** The entry of a function, or null if there is none. @throws PciError `ERR_PERMISSION` if this user may not read it */
export async function readEntry(address: string, options: TreeOptions): Promise<JournalEntry | null> {
  try {
    const entry: unknown = JSON.parse((await readState(entryPath(address, options))) ?? "null");
    return isEntry(entry, address) ? entry : null;
  } catch (error) {
    if (isPciError(error, "ERR_PERMISSION")) throw error;
    // Entries appear and go in one step, so what cannot be read was not made here: as good as none.
    return null;
  }
}

/** Entries of all functions, by the names of their files. */
export async function allEntries(options: TreeOptions): Promise<JournalEntry[]> {
  const names = readNames(stateDirectory(options)).filter((name) => name.endsWith(".json"));
  const entries = await Promise.all(names.map((name) => readEntry(name.slice(0, -".json".length), options)));
  return entries.filter((entry) => entry !== null);
}

/** Entries of the other functions. */
export async function otherEntries(address: string, options: TreeOptions): Promise<JournalEntry[]> {
  return (await allEntries(options)).filter((entry) => entry.address !== address);
}

/** The entry of one function while a call changes it: each step is on disk before it is done. */
export class Journal {
  readonly #options: TreeOptions;
  #entry: JournalEntry;

  constructor(entry: JournalEntry, options: TreeOptions) {
    this.#entry = entry;
    this.#options = options;
  }

  /** As it was written last. */
  get entry(): JournalEntry {
    return this.#entry;
  }

  /** Writes the entry, with changes. @throws what {@link writeEntry} does */
  async write(changes: Partial<JournalEntry> = {}): Promise<void> {
    const entry = { ...this.#entry, ...changes };
    await writeEntry(entry, this.#options);
    this.#entry = entry;
  }

  /** Writes that a step begins. @throws what {@link writeEntry} does */
  begin(action: Doing["action"], step: BindStep): Promise<void> {
    return this.write({ doing: { action, step, since: new Date().toISOString() } });
  }

  /** Removes the entry. @throws what {@link removeEntry} does */
  remove(): Promise<void> {
    return removeEntry(this.#entry.address, this.#options);
  }
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
    isNodes(entry.nodes) &&
    (entry.user === null || Number.isSafeInteger(entry.user)) &&
    typeof entry.id === "string" &&
    (entry.doing === null || isDoing(entry.doing)) &&
    Array.isArray(entry.together) &&
    entry.together.every((other) => typeof other === "string" && PciAddress.tryParse(other) !== null)
  );
}

function isDoing(value: unknown): value is Doing {
  if (typeof value !== "object" || value === null) return false;
  const { action, step, since } = value as Partial<Record<keyof Doing, unknown>>;
  return (
    (action === "bind" || action === "unbind") &&
    typeof step === "string" &&
    Object.hasOwn(stepTitles, step) &&
    typeof since === "string" &&
    !Number.isNaN(Date.parse(since))
  );
}

/** Their owners are changed by root: nodes of VFIO only, and to what an owner can be. */
function isNodes(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([path, owner]) => NODE.test(path) && isOwnership(owner));
}

const NODE = /^\/dev\/(?:iommu|vfio\/(?:noiommu-)?\d+|vfio\/devices\/(?:noiommu-)?\w+)$/;

function isOwnership(value: unknown): value is Ownership {
  if (typeof value !== "object" || value === null) return false;
  const { uid, gid, mode } = value as Partial<Record<keyof Ownership, unknown>>;
  const fits = (number: unknown, most: number) =>
    Number.isInteger(number) && (number as number) >= 0 && (number as number) <= most;
  return fits(uid, 0xffff_ffff) && fits(gid, 0xffff_ffff) && fits(mode, 0o7777);
}

// Names become parts of paths. Some of the kernel's drivers have spaces in theirs, such as "hexium gemini".
function isNameOrNull(value: unknown): value is string | null {
  return value === null || (typeof value === "string" && /^[^./\s](?:[^/\p{Cc}]*[^/\s])?$/u.test(value));
}
