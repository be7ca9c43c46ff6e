import {
  accessError,
  checkInteger,
  formatValue,
  PciError,
  type Region,
  valueError,
} from "@userpci/interface";

/** A {@link Region} over bytes in memory: a snapshot, a file's content, the config space of an emulated device. */
class BytesRegion implements Region {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  // Asked each time: a detached buffer has no bytes left, and every access is then out of range.
  get size(): number {
    return this.#bytes.byteLength;
  }

  read8(offset: number): number {
    return this.#view.getUint8(this.#check(offset, 1));
  }

  read16(offset: number): number {
    return this.#view.getUint16(this.#check(offset, 2), true);
  }

  read32(offset: number): number {
    return this.#view.getUint32(this.#check(offset, 4), true);
  }

  read64(offset: number): bigint {
    return this.#view.getBigUint64(this.#check(offset, 8), true);
  }

  write8(offset: number, value: number): void {
    this.#view.setUint8(this.#checkWrite(offset, 1, value), value);
  }

  write16(offset: number, value: number): void {
    this.#view.setUint16(this.#checkWrite(offset, 2, value), value, true);
  }

  write32(offset: number, value: number): void {
    this.#view.setUint32(this.#checkWrite(offset, 4, value), value, true);
  }

  write64(offset: number, value: bigint): void {
    this.#view.setBigUint64(this.#checkWrite(offset, 8, value), value, true);
  }

  /** A copy of a span that lies inside. */
  slice(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.subarray(offset, offset + length));
  }

  #checkWrite(offset: number, width: 1 | 2 | 4 | 8, value: number | bigint): number {
    this.#check(offset, width);
    const error = valueError("the region", offset, width, value);
    if (error !== undefined) throw error;
    return offset;
  }

  #check(offset: number, width: 1 | 2 | 4 | 8): number {
    const { size } = this;
    const isFit = typeof offset === "number" && offset >= 0 && offset + width <= size && offset % width === 0;
    if (isFit) return offset;
    throw accessError("the region", size, offset, width);
  }
}

/**
 * A region over bytes: reads and writes go to `bytes` itself, little-endian.
 *
 * @param bytes of any length; a config space has 64 (what an ordinary user may read), 256 or 4096
 * @throws PciError `ERR_INVALID_ARGUMENT` if it is no Uint8Array
 */
export function bytesRegion(bytes: Uint8Array): Region {
  requireBytes(bytes);
  return new BytesRegion(bytes);
}

/** Lets a Uint8Array through, of another realm too. @throws PciError `ERR_INVALID_ARGUMENT` */
export function requireBytes(bytes: unknown): void {
  if (ArrayBuffer.isView(bytes) && Object.prototype.toString.call(bytes) === "[object Uint8Array]") return;
  throw new PciError("ERR_INVALID_ARGUMENT", `bytes must be a Uint8Array, not ${formatValue(bytes)}`, {
    hint: "give a Buffer, new Uint8Array(arrayBuffer), or Uint8Array.from(numbers)",
  });
}

/** The two hexadecimal digits of each byte. */
const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Bytes `from` to `end` - 1 as text: two hexadecimal digits for each. */
export function hexDigits(bytes: Uint8Array, from = 0, end = bytes.length): string {
  let digits = "";
  for (let at = from; at < end; at++) digits += pairs[bytes[at]!]!;
  return digits;
}

/**
 * Copies a span of a region, with the widest accesses of at most 32 bits that alignment allows.
 *
 * @param offset first byte
 * @param length bytes; 0 gives an empty array
 * @throws PciError `ERR_OUT_OF_RANGE` if the span does not lie inside the region
 */
export function readBytes(region: Region, offset: number, length: number): Uint8Array<ArrayBuffer> {
  checkInteger("offset", offset, 0, region.size);
  checkInteger("length", length, 0, region.size - offset);
  if (region instanceof BytesRegion && length > 0) return region.slice(offset, length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < length; ) {
    const left = length - at;
    if (left >= 4 && (offset + at) % 4 === 0) {
      view.setUint32(at, region.read32(offset + at), true);
      at += 4;
    } else if (left >= 2 && (offset + at) % 2 === 0) {
      view.setUint16(at, region.read16(offset + at), true);
      at += 2;
    } else {
      view.setUint8(at, region.read8(offset + at));
      at += 1;
    }
  }
  return bytes;
}
