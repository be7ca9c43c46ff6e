import { PciError } from "@userpci/interface";

/** Writes a state: numbers little-endian, bytes with their length before them. */
export class StateWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;

  /** A number of 32 bits. */
  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  /** A number of 64 bits. */
  u64(value: bigint): void {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
  }

  /** Bytes, 2^32 - 1 at most. */
  bytes(bytes: Uint8Array): void {
    this.u32(bytes.length);
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** What was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#size);
  }

  #grow(size: number): number {
    const at = this.#size;
    this.#size += size;
    if (this.#size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#size, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** Reads a state, and believes nothing in it. Every method throws a PciError `ERR_PROTOCOL` for what cannot be. */
export class StateReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A number of 32 bits, in a range. @param what for the message */
  u32(what: string, min = 0, max = 0xffff_ffff): number {
    const value = this.#view.getUint32(this.#take(what, 4), true);
    if (value < min || value > max) throw noState(`${what} is ${value}, outside ${min} to ${max}`);
    return value;
  }

  u64(what: string): bigint {
    return this.#view.getBigUint64(this.#take(what, 8), true);
  }

  /** A view of bytes, of just that length if one is given. */
  bytes(what: string, length?: number): Uint8Array {
    const size = this.u32(`the length of ${what}`, length ?? 0, length);
    const at = this.#take(what, size);
    return this.#bytes.subarray(at, at + size);
  }

  /** Nothing may be left. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw noState(`${left} bytes are left`);
  }

  #take(what: string, size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) {
      throw noState(`${what} needs ${size} bytes at byte ${at}, of ${this.#bytes.length}`);
    }
    this.#at += size;
    return at;
  }
}

/** The error for bytes that are no state of this model. */
export function noState(why: string): PciError {
  return new PciError("ERR_PROTOCOL", `these bytes are no state of this nvme: ${why}`, {
    hint: "load what save() of a model with the same options gave, unchanged",
  });
}
