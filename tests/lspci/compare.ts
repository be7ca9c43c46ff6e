/** A difference, for a message. */
export interface Difference {
  readonly device: string;
  readonly section: string;
  readonly theirs: string | undefined;
  readonly ours: string | undefined;
}

/** How many lines are equal and different, by section. */
export class Tally {
  readonly equal = new Map<string, number>();
  readonly different = new Map<string, number>();
  readonly first: Difference[] = [];

  get lines(): number {
    return sum(this.equal) + sum(this.different);
  }

  /** Compares two outputs, device by device and capability by capability. */
  compare(theirs: string, ours: string): void {
    const real = theirs.split("\n\n");
    const mine = ours.split("\n\n");
    for (let i = 0; i < Math.max(real.length, mine.length); i++) this.#device(real[i] ?? "", mine[i] ?? "");
  }

  /** For people: counts by section, then the first differences. */
  report(): string {
    const names = [...new Set([...this.equal.keys(), ...this.different.keys()])].sort();
    const rows = names.map(
      (name) => `${this.equal.get(name) ?? 0} equal, ${this.different.get(name) ?? 0} different: ${name}`,
    );
    const shown = this.first.map(
      ({ device, section, theirs, ours }) =>
        `${device}\n  ${section}\n  lspci ${JSON.stringify(theirs)}\n  ours  ${JSON.stringify(ours)}`,
    );
    return [...rows, ...shown].join("\n");
  }

  #device(theirs: string, ours: string): void {
    const device = theirs.split("\n", 1)[0]!;
    const real = sectionsOf(theirs);
    const mine = sectionsOf(ours);
    for (let i = 0; i < Math.max(real.length, mine.length); i++) {
      const name = real[i]?.name ?? mine[i]!.name;
      this.#section(device, name, real[i]?.lines ?? [], mine[i]?.lines ?? []);
    }
  }

  #section(device: string, section: string, theirs: readonly string[], ours: readonly string[]): void {
    for (let i = 0; i < Math.max(theirs.length, ours.length); i++) {
      const same = theirs[i] === ours[i];
      count(same ? this.equal : this.different, section, 1);
      if (!same && this.first.length < 5)
        this.first.push({ device, section, theirs: theirs[i], ours: ours[i] });
    }
  }
}

interface Section {
  readonly name: string;
  readonly lines: string[];
}

const capability = /^\tCapabilities: (?:\[\w+(?: v\d+)?\] )?(.*)$/;
const afterCapabilities = /^\t(?:Kernel|<access)|^[0-9a-f]{2,3}: /;

/** The parts of a device's text: its header, each of its capabilities, and what follows them. */
function sectionsOf(text: string): Section[] {
  let section: Section = { name: "header", lines: [] };
  const sections = [section];
  for (const line of text.split("\n")) {
    const found = capability.exec(line);
    const ends = section.name !== "end" && section.name !== "header" && afterCapabilities.test(line);
    if (found || ends) {
      section = { name: found ? nameOf(found[1]!) : "end", lines: [] };
      sections.push(section);
    }
    section.lines.push(line);
  }
  return sections;
}

/** What a capability's line says before its details. */
function nameOf(text: string): string {
  return text.replace(/(:| version| \(v\d+\)|\[).*/, "").replace(/ [0-9a-f-]{23}$/, "");
}

function count(counts: Map<string, number>, name: string, more: number): void {
  counts.set(name, (counts.get(name) ?? 0) + more);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, value) => total + value, 0);
}
