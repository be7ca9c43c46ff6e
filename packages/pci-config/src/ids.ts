/** An entry of the database, and those below it. */
interface Section {
  /** Lines between the entry and the next one of its rank, with a newline before each. */
  readonly text: string;
  readonly name: string;
}

/**
 * The names of vendors, devices, subsystems and classes, from the text of a `pci.ids` file. Nothing is parsed until it is
 * asked for: a look-up finds the vendor's or class's part of the text, keeps it, and searches there.
 */
export class PciIds {
  readonly #text: string;
  readonly #decode: (letters: string) => string;
  readonly #sections = new Map<string, Section | undefined>();
  /** Where each vendor and class is, by the four letters that its line begins with; made at the first look-up. */
  #places: ReadonlyMap<string, Place> | undefined;

  private constructor(text: string, decode: (letters: string) => string) {
    this.#text = text;
    this.#decode = decode;
  }

  /**
   * Takes the text of a `pci.ids` file. Nothing is read of it before the first look-up.
   *
   * @param text the file's content; empty for no names at all
   * @param decode makes a name of the letters in `text`. Where these are the file's bytes, which are read in a tenth of the
   * time, only the names that are asked for need decoding.
   */
  static parse(text: string, decode = (letters: string): string => letters): PciIds {
    return new PciIds(text.includes("\r") ? text.replaceAll("\r\n", "\n") : text, decode);
  }

  /** Name of a vendor. */
  vendor(vendor: number): string | undefined {
    return this.#name(this.#vendorSection(vendor)?.name);
  }

  /** Name of a vendor's device. */
  device(vendor: number, device: number): string | undefined {
    return this.#name(this.#deviceSection(vendor, device)?.name);
  }

  /** Name of the subsystem that `subvendor` and `subdevice` are on a device. */
  subsystem(vendor: number, device: number, subvendor: number, subdevice: number): string | undefined {
    const section = this.#deviceSection(vendor, device);
    return this.#name(section && nameAt(section.text, `\n\t\t${hex4(subvendor)} ${hex4(subdevice)}`));
  }

  /** Name of a base class: the upper byte of a class of 16 bits. */
  baseClass(base: number): string | undefined {
    return this.#name(this.#classSection(base)?.name);
  }

  /** Name of a class of 16 bits: base class and sub-class. */
  subClass(code: number): string | undefined {
    return this.#name(this.#subClassSection(code)?.name);
  }

  /** Name of a programming interface of a class of 16 bits. */
  programmingInterface(code: number, programmingInterface: number): string | undefined {
    const section = this.#subClassSection(code);
    return this.#name(section && nameAt(section.text, `\n\t\t${hex2(programmingInterface)}`));
  }

  #name(letters: string | undefined): string | undefined {
    return letters === undefined ? undefined : this.#decode(letters);
  }

  #vendorSection(vendor: number): Section | undefined {
    return this.#topSection(hex4(vendor));
  }

  #deviceSection(vendor: number, device: number): Section | undefined {
    const within = this.#vendorSection(vendor);
    return within && this.#section(`\n\t${hex4(device)}`, within.text, vendor);
  }

  #classSection(base: number): Section | undefined {
    return this.#topSection(`C ${hex2(base)}`);
  }

  #subClassSection(code: number): Section | undefined {
    const within = this.#classSection(code >>> 8);
    return within && this.#section(`\n\t${hex2(code & 0xff)}`, within.text, -1 - (code >>> 8));
  }

  #topSection(letters: string): Section | undefined {
    let section = this.#sections.get(letters);
    if (section) return section;
    this.#places ??= placesIn(this.#text);
    const place = this.#places.get(letters);
    if (!place) return undefined;
    const start = lineEnd(this.#text, place.start);
    const name = this.#text.slice(place.start + letters.length, start);
    if (!name.startsWith(BLANKS)) return undefined;
    section = { text: this.#text.slice(start, place.end), name: name.trim() };
    this.#sections.set(letters, section);
    return section;
  }

  /** @param owner tells sections of the same heading apart */
  #section(heading: string, text: string, owner: number): Section | undefined {
    const key = `${owner}${heading}`;
    if (!this.#sections.has(key)) this.#sections.set(key, sectionAt(text, heading));
    return this.#sections.get(key);
  }
}

/** Where an entry begins, and where the next one of its rank does. */
interface Place {
  readonly start: number;
  readonly end: number;
}

/** What stands before a name. */
const BLANKS = "  ";

/** Letters of a vendor's number, or of `C` and a class's. */
const LETTERS = 4;

/** The places of the lines that are not indented; of equal ones the first. */
function placesIn(text: string): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  const heading = /\n[^\t\n#]/g;
  const next = () => (heading.test(text) ? heading.lastIndex - 1 : text.length);
  for (let start = /^[^\t\n#]/.test(text) ? 0 : next(); start < text.length; ) {
    const end = next();
    const letters = text.slice(start, start + LETTERS);
    if (!places.has(letters)) places.set(letters, { start, end });
    start = end;
  }
  return places;
}

/** The section of a device or sub-class that a heading opens, up to the next line that is indented as little. */
function sectionAt(text: string, heading: string): Section | undefined {
  const at = entryAt(text, heading);
  if (at < 0) return undefined;
  const start = lineEnd(text, at + heading.length);
  const next = /\n\t[^\t\n#]/g;
  next.lastIndex = start;
  const end = next.test(text) ? next.lastIndex - 2 : text.length;
  return { text: text.slice(start, end), name: text.slice(at + heading.length, start).trim() };
}

function nameAt(text: string, heading: string): string | undefined {
  const at = entryAt(text, heading);
  return at < 0 ? undefined : text.slice(at + heading.length, lineEnd(text, at + 1)).trim();
}

/** Where the entry is that a heading opens, or -1. Two blanks are before a name; V8 finds a heading without them sooner. */
function entryAt(text: string, heading: string): number {
  let at = text.indexOf(heading);
  while (at >= 0 && !text.startsWith(BLANKS, at + heading.length)) at = text.indexOf(heading, at + 1);
  return at;
}

/** Where the line ends that a place is in. */
function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, "0");
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, "0");
}
