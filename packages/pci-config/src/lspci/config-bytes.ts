/**
 * The bytes of a config space as far as they could be read. Reading is never an error: what lies outside is not there
 * ({@link has}), and reads as ones, as on the bus.
 */
export class ConfigBytes {
  declare readonly bytes: Uint8Array;
  /** Bytes that could be read. */
  declare readonly size: number;

  /** @param bytes 64 for an ordinary user, 256, 4096, or whatever a dump holds */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.size = bytes.byteLength;
  }

  /** Whether a span could be read as a whole. */
  has(offset: number, length: number): boolean {
    return offset >= 0 && offset + length <= this.size;
  }

  read8(offset: number): number {
    return this.has(offset, 1) ? this.bytes[offset]! : 0xff;
  }

  read16(offset: number): number {
    if (!this.has(offset, 2)) return 0xffff;
    const { bytes } = this;
    return bytes[offset]! | (bytes[offset + 1]! << 8);
  }

  read32(offset: number): number {
    if (!this.has(offset, 4)) return 0xffff_ffff;
    const { bytes } = this;
    const upper = bytes[offset + 2]! | (bytes[offset + 3]! << 8);
    return (bytes[offset]! | (bytes[offset + 1]! << 8) | (upper << 16)) >>> 0;
  }

  read64(offset: number): bigint {
    if (!this.has(offset, 8)) return 0xffff_ffff_ffff_ffffn;
    return (BigInt(this.read32(offset + 4)) << 32n) | BigInt(this.read32(offset));
  }
}
