/**
 * The bytes of a config space as far as they could be read. Reading is never an error: what lies outside is not there
 * ({@link has}), and reads as ones, as on the bus.
 */
export class ConfigBytes {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** @param bytes 64 for an ordinary user, 256, 4096, or whatever a dump holds */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes that could be read. */
  get size(): number {
    return this.bytes.byteLength;
  }

  /** Whether a span could be read as a whole. */
  has(offset: number, length: number): boolean {
    return offset >= 0 && offset + length <= this.size;
  }

  read8(offset: number): number {
    return this.has(offset, 1) ? this.#view.getUint8(offset) : 0xff;
  }

  read16(offset: number): number {
    return this.has(offset, 2) ? this.#view.getUint16(offset, true) : 0xffff;
  }

  read32(offset: number): number {
    return this.has(offset, 4) ? this.#view.getUint32(offset, true) : 0xffff_ffff;
  }

  read64(offset: number): bigint {
    return this.has(offset, 8) ? this.#view.getBigUint64(offset, true) : 0xffff_ffff_ffff_ffffn;
  }
}
