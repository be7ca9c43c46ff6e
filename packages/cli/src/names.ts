import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Where distributions keep the PCI ID database (pciutils, hwdata). */
const places = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];

/** Names of vendors and devices, from the PCI ID database where this machine has one. */
export class Names {
  readonly #text: string;

  /** @param text the database: a line per vendor, and indented by a tab a line per device */
  constructor(text: string) {
    this.#text = `\n${text}`;
  }

  /** The database of a system; without one no name is known. */
  static read(root = "/"): Names {
    for (const place of places) {
      try {
        return new Names(readFileSync(join(root, place), "utf8"));
      } catch {
        // The next place, or none.
      }
    }
    return new Names("");
  }

  /** Name of a vendor by its 16-bit id. */
  vendor(id: number): string | undefined {
    return this.#vendorAt(id)?.name;
  }

  /** Name of a vendor's device by their 16-bit ids. */
  device(vendor: number, device: number): string | undefined {
    const start = this.#vendorAt(vendor)?.end;
    if (start === undefined) return undefined;
    const key = `\n\t${hex4(device)}  `;
    const at = this.#text.indexOf(key, start);
    // A device line of a later vendor comes after that vendor's own line.
    return at < 0 || this.#nextVendor(start) < at ? undefined : this.#lineAt(at + key.length).name;
  }

  #vendorAt(id: number): { name: string; end: number } | undefined {
    const key = `\n${hex4(id)}  `;
    const at = this.#text.indexOf(key);
    return at < 0 ? undefined : this.#lineAt(at + key.length);
  }

  #lineAt(start: number): { name: string; end: number } {
    const newline = this.#text.indexOf("\n", start);
    const end = newline < 0 ? this.#text.length : newline;
    return { name: this.#text.slice(start, end).trim(), end };
  }

  #nextVendor(start: number): number {
    const next = /\n[0-9a-f]{4} {2}/g;
    next.lastIndex = start;
    return next.exec(this.#text)?.index ?? this.#text.length;
  }
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, "0");
}
