import type { Region } from "@userpci/interface";

/** A write to configuration space, and what was there before and is there since. */
export interface ConfigWrite {
  readonly offset: number;
  /** Width of the access. */
  readonly bits: 8 | 16 | 32;
  readonly before: number;
  readonly after: number;
}

/** Configuration space whose writes can be taken back. */
export class ConfigJournal implements Region {
  readonly #inner: Region;
  readonly #writes: ConfigWrite[] = [];

  constructor(inner: Region) {
    this.#inner = inner;
  }

  get size(): number {
    return this.#inner.size;
  }

  /** What was changed and not taken back, the latest last. */
  get writes(): readonly ConfigWrite[] {
    return this.#writes;
  }

  read8(offset: number): number {
    return this.#inner.read8(offset);
  }

  read16(offset: number): number {
    return this.#inner.read16(offset);
  }

  read32(offset: number): number {
    return this.#inner.read32(offset);
  }

  read64(offset: number): bigint {
    return this.#inner.read64(offset);
  }

  write8(offset: number, value: number): void {
    this.#write(offset, 8, () => this.#inner.write8(offset, value));
  }

  write16(offset: number, value: number): void {
    this.#write(offset, 16, () => this.#inner.write16(offset, value));
  }

  write32(offset: number, value: number): void {
    this.#write(offset, 32, () => this.#inner.write32(offset, value));
  }

  write64(offset: number, value: bigint): void {
    this.write32(offset, Number(value & 0xffff_ffffn));
    this.write32(offset + 4, Number(value >> 32n));
  }

  /**
   * Takes the latest write back: each byte that it changed gets what it had, and no other is written, whose bits may be such that a 1
   * clears. What writing 1 cleared cannot come back.
   *
   * @returns the write, or undefined if there is none
   */
  undo(): ConfigWrite | undefined {
    const write = this.#writes.at(-1);
    if (write === undefined) return undefined;
    const { offset, bits, before, after } = write;
    for (let byte = 0; byte < bits / 8; byte++) {
      const [was, is] = [before, after].map((value) => (value >>> (8 * byte)) & 0xff);
      if (was !== is) this.#inner.write8(offset + byte, was!);
    }
    this.#writes.pop();
    return write;
  }

  #write(offset: number, bits: ConfigWrite["bits"], write: () => void): void {
    const before = this.#read(offset, bits);
    write();
    const after = this.#read(offset, bits);
    if (after !== before) this.#writes.push({ offset, bits, before, after });
  }

  #read(offset: number, bits: ConfigWrite["bits"]): number {
    if (bits === 8) return this.#inner.read8(offset);
    return bits === 16 ? this.#inner.read16(offset) : this.#inner.read32(offset);
  }
}
