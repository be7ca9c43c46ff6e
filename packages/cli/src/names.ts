import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PciIds } from "@userpci/pci-config/ids";

/** Where distributions keep the PCI ID database (pciutils, hwdata). */
const places = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];

/** The names in a file. Its bytes become characters where a name is asked for, not before: the file is large. */
export function readNames(path: string | URL): PciIds {
  return PciIds.parse(readFileSync(path, "latin1"), decodeUtf8);
}

const plain = /^[\0-\x7f]*$/;
const decodeUtf8 = (letters: string): string =>
  plain.test(letters) ? letters : Buffer.from(letters, "latin1").toString();

/** The PCI ID database of a system, or the packed one. */
export function readPciIds(root = "/"): PciIds {
  for (const place of places) {
    try {
      return readNames(join(root, place));
    } catch {
      // The next place, or none.
    }
  }
  // The copy that is packed with this package, for systems that have none.
  return readNames(new URL("../data/pci.ids", import.meta.url));
}
