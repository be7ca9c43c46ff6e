import { savedOverride } from "./driverctl.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import { readDriverOverride } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { idOf, readEntry } from "./journal.ts";
import type { TreeOptions } from "./tree.ts";

/**
 * Who has put a function on its VFIO driver: this package; driverctl; somebody who has named the driver in `driver_override`; or
 * somebody who has not, as `dpdk-devbind.py` (which empties it after), or `new_id`.
 */
export type Binder = "userpci" | "driverctl" | "driver_override" | "other";

/** How a function came to the driver that it has. */
export interface BindingOrigin {
  /** Null for a function on no VFIO driver. */
  readonly by: Binder | null;
  /** The only driver that may take it, if `driver_override` names one. */
  readonly override: string | null;
  /** File of driverctl for the function; null for none. */
  readonly saved: string | null;
  /** The driver to which it goes when it is given back; null for none, undefined for the one that the kernel finds. */
  readonly formerDriver?: string | null;
}

/**
 * How a function came to the driver that it has. Waits while the kernel binds or unbinds the function.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`, `ERR_PERMISSION` if this user may not read what is recorded of it
 */
export async function bindingOrigin(address: string, options: TreeOptions = {}): Promise<BindingOrigin> {
  const fn = findFunction(address, options);
  const override = (await readDriverOverride(fn.address, options)) ?? null;
  const saved = savedOverride(fn.address, options);
  const entry = await readEntry(fn.address, options);
  const ours = entry !== null && entry.id === idOf(fn);
  const former = ours ? entry.formerDriver : driverctlDriver(fn, options);
  return {
    by: isVfioDriver(fn.driver) ? binder(ours, override, saved?.driver ?? null) : null,
    override,
    saved: saved?.path ?? null,
    ...(former !== undefined && { formerDriver: former }),
  };
}

function binder(ours: boolean, override: string | null, saved: string | null): Binder {
  if (ours) return "userpci";
  if (override === null) return "other";
  return override === saved ? "driverctl" : "driver_override";
}

/** The driver that driverctl wants a function to have, other than a VFIO driver; undefined if it has no say. */
export function driverctlDriver({ address }: PciFunction, options: TreeOptions): string | null | undefined {
  const driver = savedOverride(address, options)?.driver;
  if (driver === undefined || isVfioDriver(driver)) return undefined;
  return driver === "none" ? null : driver;
}
