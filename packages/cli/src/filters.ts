import { type DeviceFilter, idFilter, isOpenFilter, slotFilter } from "@userpci/pci-config/lspci";

/** What makes a filter of the values of an option. */
const makers: Readonly<Record<string, (...given: string[]) => DeviceFilter>> = { s: slotFilter, d: idFilter };

/** The options `-s` and `-d` of lspci and setpci, as they are met on a command line. */
export class Filters {
  readonly #values = new Map<string, string[]>();
  readonly #filters = new Map<string, DeviceFilter>();

  /** Whether an option is one of a filter. */
  static has(letter: string): boolean {
    return Object.hasOwn(makers, letter);
  }

  /**
   * Adds an option.
   *
   * @param warn told if an earlier one of its kind kept devices out; this one replaces the parts that it has
   * @throws PciError `ERR_INVALID_ARGUMENT` with the words of the original
   */
  add(letter: string, value: string, warn: (words: string) => void): void {
    const before = this.#values.get(letter) ?? [];
    if (before.some((earlier) => !isOpenFilter(earlier))) {
      warn(`Multiple -${letter} options are given, only the last one has effect.`);
    }
    const values = [...before, value];
    this.#filters.set(letter, makers[letter]!(...values));
    this.#values.set(letter, values);
  }

  /** The filters; a device must pass all of them. */
  list(): readonly DeviceFilter[] {
    return [...this.#filters.values()];
  }
}
