import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PciIds } from "@userpci/pci-config/ids";

/** Where distributions keep the PCI ID database (pciutils, hwdata). */
const places = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];

/** The PCI ID database of a system; without one no name is known. */
export function readPciIds(root = "/"): PciIds {
  for (const place of places) {
    try {
      return PciIds.parse(readFileSync(join(root, place), "utf8"));
    } catch {
      // The next place, or none.
    }
  }
  return PciIds.parse("");
}
