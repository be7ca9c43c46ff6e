import { existsSync } from "node:fs";
import { isVfioDriver } from "./group.ts";
import { bindingRulePath } from "./persist/generated-file.ts";
import { pathIn, readText, type TreeOptions } from "./tree.ts";

/** Where driverctl keeps what it sets at each boot: a file a device, with the driver's name in it. */
const DIRECTORY = "/etc/driverctl.d";

/** What driverctl has been told of a function. */
export interface SavedOverride {
  /** The file that says so, as a path below the root. */
  readonly path: string;
  /** The driver that it names to the kernel at each boot; `none` for no driver. */
  readonly driver: string;
}

/** What driverctl sets for a function at each boot, or null for nothing. */
export function savedOverride(address: string, options: TreeOptions): SavedOverride | null {
  // Its first versions knew no bus but PCI, and did not name it.
  for (const name of [`pci-${address}`, address]) {
    const path = `${DIRECTORY}/${name}`;
    const driver = readText(pathIn(options, path));
    // A name becomes a part of paths.
    if (driver !== null && /^[\w-]+$/.test(driver)) return { path, driver };
  }
  return null;
}

/** The file because of which a function is on a VFIO driver again after the next boot, ours or driverctl's; null for none. */
export function boundAtBoot(address: string, options: TreeOptions): string | null {
  const rule = bindingRulePath(address);
  if (existsSync(pathIn(options, rule))) return rule;
  const saved = savedOverride(address, options);
  return saved !== null && isVfioDriver(saved.driver) ? saved.path : null;
}
