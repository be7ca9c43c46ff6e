/** A part of the database: its text, and how far its entries are indented. */
interface Section {
  /** Lines between an entry and the next one of its rank, with a newline before each. */
  readonly text: string;
  readonly name: string;
}

/**
 * The names of vendors, devices, subsystems and classes, from the text of a `pci.ids` file. Nothing is parsed until it is
 * asked for: a look-up finds the vendor's or class's part of the text, keeps it, and searches there.
 */
export class PciIds {
  readonly #text: string;
  readonly #sections = new Map<string, Section | undefined>();

  private constructor(text: string) {
    this.#text = text;
  }

  /** @param text content of a `pci.ids` file; empty for no names at all */
  static parse(text: string): PciIds {
    const plain = text.includes("\r") ? text.replaceAll("\r\n", "\n") : text;
    return new PciIds(`\n${plain}\n`);
  }

  /** Name of a vendor. */
  vendor(vendor: number): string | undefined {
    return this.#vendorSection(vendor)?.name;
  }

  /** Name of a vendor's device. */
  device(vendor: number, device: number): string | undefined {
    return this.#deviceSection(vendor, device)?.name;
  }

  /** Name of the subsystem that `subvendor` and `subdevice` are on a device. */
  subsystem(vendor: number, device: number, subvendor: number, subdevice: number): string | undefined {
    const section = this.#deviceSection(vendor, device);
    return section && nameAt(section.text, `\n\t\t${hex4(subvendor)} ${hex4(subdevice)}  `);
  }

  /** Name of a base class: the upper byte of a class of 16 bits. */
  baseClass(base: number): string | undefined {
    return this.#classSection(base)?.name;
  }

  /** Name of a class of 16 bits: base class and sub-class. */
  subClass(code: number): string | undefined {
    return this.#subClassSection(code)?.name;
  }

  /** Name of a programming interface of a class of 16 bits. */
  programmingInterface(code: number, programmingInterface: number): string | undefined {
    const section = this.#subClassSection(code);
    return section && nameAt(section.text, `\n\t\t${hex2(programmingInterface)}  `);
  }

  #vendorSection(vendor: number): Section | undefined {
    return this.#section(`\n${hex4(vendor)}  `, this.#text, 0);
  }

  #deviceSection(vendor: number, device: number): Section | undefined {
    const within = this.#vendorSection(vendor);
    return within && this.#section(`\n\t${hex4(device)}  `, within.text, vendor + 1);
  }

  #classSection(base: number): Section | undefined {
    return this.#section(`\nC ${hex2(base)}  `, this.#text, 0);
  }

  #subClassSection(code: number): Section | undefined {
    const within = this.#classSection(code >>> 8);
    return within && this.#section(`\n\t${hex2(code & 0xff)}  `, within.text, -1 - (code >>> 8));
  }

  /** @param owner tells sections of the same heading apart */
  #section(heading: string, text: string, owner: number): Section | undefined {
    const key = `${owner}${heading}`;
    if (!this.#sections.has(key)) this.#sections.set(key, sectionAt(text, heading));
    return this.#sections.get(key);
  }
}

/** The section that a heading opens, up to the next line that is indented as little. */
function sectionAt(text: string, heading: string): Section | undefined {
  const at = text.indexOf(heading);
  if (at < 0) return undefined;
  const start = text.indexOf("\n", at + heading.length);
  const next = heading.startsWith("\n\t") ? /\n\t?[^\t\n#]/g : /\n[^\t\n#]/g;
  next.lastIndex = start;
  const end = next.exec(text)?.index ?? text.length;
  return { text: text.slice(start, end + 1), name: text.slice(at + heading.length, start).trimEnd() };
}

function nameAt(text: string, heading: string): string | undefined {
  const at = text.indexOf(heading);
  return at < 0 ? undefined : text.slice(at + heading.length, text.indexOf("\n", at + 1)).trimEnd();
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, "0");
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, "0");
}
