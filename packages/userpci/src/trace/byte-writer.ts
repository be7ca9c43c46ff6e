const LEAST = 256;
const TEXT = new TextEncoder();

/** Bytes that grow at the end. Numbers take 7 bits a byte, low bits first (LEB128). */
export class ByteWriter {
  #bytes = new Uint8Array(LEAST);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param value an integer from 0 to 2^53 - 1 */
  number(value: number): void {
    this.#reserve(8);
    let rest = value;
    for (; rest > 0x7f; rest = rest > 0x7fff_ffff ? Math.floor(rest / 128) : rest >>> 7) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** @param value 0 to 2^64 - 1 */
  bigint(value: bigint): void {
    this.#reserve(10);
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#length++] = Number(rest);
  }

  /** Its length, then the bytes. */
  bytes(value: Uint8Array): void {
    this.number(value.length);
    this.raw(value);
  }

  text(value: string): void {
    this.bytes(TEXT.encode(value));
  }

  /** The bytes alone. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** What was written since the last call, which is the caller's. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + size));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
