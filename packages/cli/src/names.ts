import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PciIds } from "@userpci/pci-config/ids";

/** Where distributions keep the PCI ID database (pciutils, hwdata). */
const places = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];

/** The copy that is packed with this package, for systems that have none. */
const packed = new URL("../data/pci.ids", import.meta.url);

/** The PCI ID database of a system, or the packed one. */
export function readPciIds(root = "/"): PciIds {
  for (const place of places) {
    try {
      return PciIds.parse(readFileSync(join(root, place), "utf8"));
    } catch {
      // The next place, or none.
    }
  }
  return PciIds.parse(readFileSync(packed, "utf8"));
}
