import { writeFileSync } from "node:fs";
import { findFunction } from "./find.ts";
import { functionPath } from "./function.ts";
import { readText, type TreeOptions } from "./tree.ts";

/**
 * Wakes a function and keeps it from sleeping while nobody drives it (`power/control` in the kernel's
 * Documentation/ABI/testing/sysfs-devices-power): vfio-pci puts what no program has open into D3hot, where neither BARs nor the ROM
 * answer. Takes effect for root; for anybody else, and on a kernel without power management, nothing happens.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @returns lets it sleep again, where it was allowed to; harmless twice
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`
 */
export function keepAwake(address: string, options: TreeOptions = {}): Disposable {
  const path = functionPath(findFunction(address, options).address, options, "power/control");
  let held = readText(path) === "auto" && wrote(path, "on");
  return {
    [Symbol.dispose]: () => {
      if (held) wrote(path, "auto");
      held = false;
    },
  };
}

/** Whether it could be: this user may not, or the function went away. */
function wrote(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "r+" });
    return true;
  } catch {
    return false;
  }
}
