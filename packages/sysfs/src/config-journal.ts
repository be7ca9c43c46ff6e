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

/**
 * Notes a change before it is made, so that another process can take it back. In `/run/userpci/config`, which takes root.
 *
 * @throws PciError `ERR_NO_DEVICE`, `ERR_PERMISSION`, `ERR_BUSY`, or with the system's code; nothing is noted then
 */
export async function noteConfigChange(
  address: string,
  writes: readonly ConfigWrite[],
  options: TreeOptions = {},
): Promise<void> {
  const change = { id: idOf(findFunction(address, options)), since: new Date().toISOString(), writes };
  await alone(address, options, async () => {
    const former = await readConfigChanges(address, options);
    await replace(address, [...former, change].slice(-KEPT), options);
  });
}

/**
 * Forgets the last change: it was taken back. Harmless without any.
 *
 * @throws PciError `ERR_PERMISSION`, `ERR_BUSY`, or with the system's code
 */
export async function forgetConfigChange(address: string, options: TreeOptions = {}): Promise<void> {
  await alone(address, options, async () => {
    const noted = await readConfigChanges(address, options);
    if (noted.length > 1) await replace(address, noted.slice(0, -1), options);
    else await removeState(pathOf(address, options));
  });
}

/** The last change. @throws PciError `ERR_NOT_SUPPORTED` without any */
export async function lastConfigChange(address: string, options: TreeOptions = {}): Promise<ConfigChange> {
  const last = (await readConfigChanges(address, options)).at(-1);
  if (last !== undefined) return last;
  throw new PciError("ERR_NOT_SUPPORTED", `nothing was written to ${address} that could be taken back`, {
    hint: "only what `userpci config set` wrote since the machine started is noted",
  });
}

/** With no other command at what is noted of the function. */
async function alone(address: string, options: TreeOptions, act: () => Promise<void>): Promise<void> {
  const name = PciAddress.parse(address).toString();
  await exclusively(statePath(`${name}.config.lock`, options), recordOf("config", name), act);
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
