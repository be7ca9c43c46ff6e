import { join } from "node:path";
import { PciError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { findFunction } from "./find.ts";
import { readFunction } from "./function.ts";
import { exclusively } from "./guard.ts";
import { idOf } from "./journal.ts";
import { recordOf } from "./lock-record.ts";
import { checkTreeOptions } from "./options.ts";
import { readState, removeState, replaceState, statePath } from "./state-file.ts";
import type { TreeOptions } from "./tree.ts";

/** One write into a function's config space. */
export interface ConfigWrite {
  /** What the user called the register. */
  readonly name: string;
  /** Byte of the config space, a multiple of the width. */
  readonly offset: number;
  /** Bits. */
  readonly width: 8 | 16 | 32;
  /** What the register read before. */
  readonly before: number;
  /** What was written. */
  readonly after: number;
}

/** Writes that were made, and are taken back, together. */
export interface ConfigChange {
  /** `vendor:device` of the function: another may come to the address. */
  readonly id: string;
  /** Time, ISO 8601. */
  readonly since: string;
  /** In their order. */
  readonly writes: readonly ConfigWrite[];
}

/** How many changes of a function are kept; of older ones nothing is known any more. */
const KEPT = 100;

const pathOf = (address: string, options: TreeOptions): string =>
  statePath(join("config", `${PciAddress.parse(address)}.json`), options);

/**
 * The changes that were noted of a function's config space since the machine started, oldest first; empty without any, where what is
 * noted cannot be read, and where another function has come to the address since.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no address
 */
export async function readConfigChanges(
  address: string,
  options: TreeOptions = {},
): Promise<readonly ConfigChange[]> {
  checkTreeOptions(options);
  const path = pathOf(address, options);
  try {
    const noted: unknown = JSON.parse((await readState(path)) ?? "[]");
    if (!Array.isArray(noted) || !noted.every(isChange)) return [];
    const fn = readFunction(PciAddress.parse(address).toString(), options);
    return noted.filter(({ id }) => fn !== null && id === idOf(fn));
  } catch {
    // It is written in one step, so what cannot be read was not made here.
    return [];
  }
}

/** What is noted of a function, while no other process is at it: see {@link changeConfig}. */
export interface ConfigJournal {
  /**
   * Notes a change before it is made, so that another process can take it back. In `/run/userpci/config`, which takes root.
   *
   * @throws PciError `ERR_NO_DEVICE`, `ERR_PERMISSION`, or with the system's code; nothing is noted then
   */
  note(writes: readonly ConfigWrite[]): Promise<void>;
  /** Forgets the last change: it was taken back. Harmless without any. @throws PciError `ERR_PERMISSION`, or with the system's code */
  forget(): Promise<void>;
}

/**
 * Runs what reads a function's config space, writes it and notes that, or takes it back, while no other process does. Otherwise one would
 * write over what another had just written, or forget a change that was not taken back.
 *
 * @param act takes milliseconds, not more: others wait for it
 * @throws PciError `ERR_PERMISSION`, `ERR_BUSY` if another process is at it for seconds, or with the system's code; what `act` throws
 */
export async function changeConfig<T>(
  address: string,
  options: TreeOptions,
  act: (journal: ConfigJournal) => Promise<T>,
): Promise<T> {
  checkTreeOptions(options);
  const name = PciAddress.parse(address).toString();
  const journal: ConfigJournal = {
    note: (writes) => note(name, writes, options),
    forget: () => forget(name, options),
  };
  const path = statePath(`${name}.config.lock`, options);
  return exclusively(path, recordOf("config", name), () => act(journal));
}

/**
 * {@link ConfigJournal.note} by itself.
 *
 * @throws PciError what that throws, and `ERR_BUSY`
 */
export async function noteConfigChange(
  address: string,
  writes: readonly ConfigWrite[],
  options: TreeOptions = {},
): Promise<void> {
  await changeConfig(address, options, (journal) => journal.note(writes));
}

/**
 * {@link ConfigJournal.forget} by itself.
 *
 * @throws PciError what that throws, and `ERR_BUSY`
 */
export async function forgetConfigChange(address: string, options: TreeOptions = {}): Promise<void> {
  await changeConfig(address, options, (journal) => journal.forget());
}

async function note(address: string, writes: readonly ConfigWrite[], options: TreeOptions): Promise<void> {
  const change = { id: idOf(findFunction(address, options)), since: new Date().toISOString(), writes };
  const former = await readConfigChanges(address, options);
  await replace(address, [...former, change].slice(-KEPT), options);
}

async function forget(address: string, options: TreeOptions): Promise<void> {
  const noted = await readConfigChanges(address, options);
  if (noted.length > 1) await replace(address, noted.slice(0, -1), options);
  else await removeState(pathOf(address, options));
}

/** The last change. @throws PciError `ERR_NOT_SUPPORTED` without any */
export async function lastConfigChange(address: string, options: TreeOptions = {}): Promise<ConfigChange> {
  const last = (await readConfigChanges(address, options)).at(-1);
  if (last !== undefined) return last;
  throw new PciError("ERR_NOT_SUPPORTED", `nothing was written to ${address} that could be taken back`, {
    hint: "only what `userpci config set` wrote since the machine started is noted",
  });
}

async function replace(
  address: string,
  changes: readonly ConfigChange[],
  options: TreeOptions,
): Promise<void> {
  await replaceState(pathOf(address, options), `${JSON.stringify(changes, null, 2)}\n`);
}

function isChange(value: unknown): value is ConfigChange {
  if (typeof value !== "object" || value === null) return false;
  const { id, since, writes } = value as Partial<Record<keyof ConfigChange, unknown>>;
  return (
    typeof id === "string" && typeof since === "string" && Array.isArray(writes) && writes.every(isWrite)
  );
}

/** What is written back is checked as what a user gives: the file may be anybody's. */
function isWrite(value: unknown): value is ConfigWrite {
  if (typeof value !== "object" || value === null) return false;
  const { name, offset, width, before, after } = value as Partial<Record<keyof ConfigWrite, unknown>>;
  if (typeof name !== "string" || (width !== 8 && width !== 16 && width !== 32)) return false;
  const fits = (number: unknown, most: number) =>
    Number.isSafeInteger(number) && (number as number) >= 0 && (number as number) <= most;
  const most = 2 ** width - 1;
  return (
    fits(offset, 4096 - width / 8) &&
    (offset as number) % (width / 8) === 0 &&
    fits(before, most) &&
    fits(after, most)
  );
}
