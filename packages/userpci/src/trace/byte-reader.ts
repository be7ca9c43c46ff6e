import { PciError } from "@userpci/interface";

const TEXT = new TextDecoder("utf-8", { fatal: true });

/** Reads what `ByteWriter` wrote, of bytes that are not trusted. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // Parts of a Buffer would be Buffers.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get at(): number {
    return this.#at;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** @throws PciError `ERR_PROTOCOL` for what is cut off, and for a number from 2^53 on */
  number(): number {
    const value = this.bigint();
    if (value <= Number.MAX_SAFE_INTEGER) return Number(value);
    throw malformed(this.#at, `${value} is too large a number`);
  }

  /** @throws PciError `ERR_PROTOCOL` for what is cut off, and for a number from 2^64 on */
  bigint(): bigint {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 4; count++) {
      const byte = this.#next();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return BigInt(value);
      factor *= 128;
    }
    let wide = BigInt(value);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#next();
      wide |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (wide < 1n << 64n) return wide;
        break;
      }
    }
    throw malformed(this.#at, "a number has more than 64 bits");
  }

  /** @returns a view of what is read */
  bytes(): Uint8Array {
    return this.raw(this.number());
  }

  raw(size: number): Uint8Array {
    const end = this.#at + size;
    if (end > this.#bytes.length) throw new CutOffError();
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** @throws PciError `ERR_PROTOCOL` for bytes that are no UTF-8 */
  text(): string {
    try {
      return TEXT.decode(this.bytes());
    } catch (error) {
      if (error instanceof TypeError) throw malformed(this.#at, "a text is no UTF-8");
      throw error;
    }
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new CutOffError();
    this.#at += 1;
    return byte;
  }
}

/** The bytes end inside of something: more may come. */
export class CutOffError extends PciError {
  constructor() {
    super("ERR_PROTOCOL", "the recording ends in the middle of an event", {
      hint: "its program was killed, or still writes; the events before are whole",
    });
  }
}

/** The error for bytes that are no recording. */
export function malformed(at: number, what: string): PciError {
  return new PciError("ERR_PROTOCOL", `this is no recording of userpci: at byte ${at}, ${what}`, {
    hint: "give the file that record() wrote, as a whole",
  });
}
