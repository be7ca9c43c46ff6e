/** Where data of a command comes from, or goes. */
export interface Store {
  /** Copies from `offset` on into `target`. */
  read(offset: number, target: Uint8Array): void;
  /** Copies `source` to `offset` on. */
  write(offset: number, source: Uint8Array): void;
}

/** Bytes that are kept at once: what was never written takes no memory, and reads as zeros. */
export const CHUNK_SIZE = 65_536;

/** The blocks of a RAM disk, sparse. Whoever calls it has checked offsets and lengths. */
export class RamDisk implements Store {
  /** Bytes. */
  readonly size: number;
  readonly #chunks = new Map<number, Uint8Array<ArrayBuffer>>();

  /** @param size bytes */
  constructor(size: number) {
    this.size = size;
  }

  read(offset: number, target: Uint8Array): void {
    for (let done = 0; done < target.length; ) {
      const at = (offset + done) % CHUNK_SIZE;
      const size = Math.min(CHUNK_SIZE - at, target.length - done);
      const chunk = this.#chunks.get((offset + done - at) / CHUNK_SIZE);
      if (chunk === undefined) target.fill(0, done, done + size);
      else target.set(chunk.subarray(at, at + size), done);
      done += size;
    }
  }

  write(offset: number, source: Uint8Array): void {
    for (let done = 0; done < source.length; ) {
      const at = (offset + done) % CHUNK_SIZE;
      const size = Math.min(CHUNK_SIZE - at, source.length - done);
      const chunk = this.#chunk((offset + done - at) / CHUNK_SIZE);
      chunk.set(size === source.length ? source : source.subarray(done, done + size), at);
      done += size;
    }
  }

  /** Lets a range read as zeros, and gives the memory of whole chunks back. */
  zero(offset: number, length: number): void {
    const end = offset + length;
    const first = Math.floor(offset / CHUNK_SIZE);
    const last = Math.floor((end - 1) / CHUNK_SIZE);
    // Of a large range, what there is; of a small one, what it covers.
    const touched = last - first < this.#chunks.size ? numbersFrom(first, last) : [...this.#chunks.keys()];
    for (const index of touched) {
      if (index < first || index > last) continue;
      const start = index * CHUNK_SIZE;
      if (offset <= start && end >= start + CHUNK_SIZE) this.#chunks.delete(index);
      else this.#chunks.get(index)?.fill(0, Math.max(0, offset - start), Math.min(CHUNK_SIZE, end - start));
    }
  }

  /** Whether it holds these bytes. */
  equals(offset: number, bytes: Uint8Array): boolean {
    const held = new Uint8Array(bytes.length);
    this.read(offset, held);
    return held.every((byte, index) => byte === bytes[index]);
  }

  /** Forgets everything. */
  clear(): void {
    this.#chunks.clear();
  }

  /** What was written, by the number of its chunk, {@link CHUNK_SIZE} bytes each. */
  chunks(): ReadonlyMap<number, Uint8Array<ArrayBuffer>> {
    return this.#chunks;
  }

  /** How many chunks it can have. */
  get most(): number {
    return Math.ceil(this.size / CHUNK_SIZE);
  }

  #chunk(index: number): Uint8Array<ArrayBuffer> {
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_SIZE);
      this.#chunks.set(index, chunk);
    }
    return chunk;
  }
}

/** Bytes of this program as a {@link Store}: what an admin command answers, or a list that the host gives. */
export class ByteStore implements Store {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  read(offset: number, target: Uint8Array): void {
    target.set(this.bytes.subarray(offset, offset + target.length));
  }

  write(offset: number, source: Uint8Array): void {
    this.bytes.set(source, offset);
  }
}

function* numbersFrom(first: number, last: number): Generator<number> {
  for (let index = first; index <= last; index++) yield index;
}
