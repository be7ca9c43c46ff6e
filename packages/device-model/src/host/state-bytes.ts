import { PciError } from "@userpci/interface";

/** Sections of a saved state: each begins with its length in bytes, 32 bits little-endian. */
export class StateWriter {
  readonly #sections: Uint8Array[] = [];

  /** The section is not copied until {@link bytes}. */
  add(section: Uint8Array): this {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, section.length, true);
    this.#sections.push(length, section);
    return this;
  }

  /** How many {@link bytes} there will be. */
  get size(): number {
    return this.#sections.reduce((sum, { length }) => sum + length, 0);
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    let at = 0;
    for (const section of this.#sections) {
      bytes.set(section, at);
      at += section.length;
    }
    return bytes;
  }
}

/** Reads what a {@link StateWriter} wrote, of whatever peer: lengths are checked before anything is used. */
export class StateReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next section. @param length that it must have, if it is known @throws PciError `ERR_PROTOCOL` */
  next(what: string, length?: number): Uint8Array {
    const left = this.#bytes.length - this.#at;
    if (left < 4) throw wrongState(`ends before ${what}`);
    const { buffer, byteOffset } = this.#bytes;
    const told = new DataView(buffer, byteOffset + this.#at, 4).getUint32(0, true);
    if (told > left - 4) throw wrongState(`says that ${what} has ${told} bytes, and has ${left - 4} left`);
    if (length !== undefined && told !== length)
      throw wrongState(`has ${told} bytes of ${what}, not ${length}`);
    const start = this.#at + 4;
    this.#at = start + told;
    return this.#bytes.subarray(start, this.#at);
  }

  /** @throws PciError `ERR_PROTOCOL` if anything is left */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw wrongState(`has ${left} bytes more than it should`);
  }
}

/** What is wrong with a saved state. */
export function wrongState(what: string, cause?: unknown): PciError {
  return new PciError("ERR_PROTOCOL", `the saved state ${what}`, {
    hint: "load what save() gave, of the same model with the same options and of the same version of userpci",
    ...(cause !== undefined && { cause }),
  });
}
