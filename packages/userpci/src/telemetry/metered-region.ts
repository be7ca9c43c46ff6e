import type { OwnedRegion, Region } from "@userpci/interface";

/** Counts that grow. */
export interface AccessCounter {
  reads: number;
  writes: number;
}

/** A region that counts the accesses that were not refused. */
export class MeteredRegion implements Region {
  readonly size: number;
  readonly readInto?: (offset: number, bytes: Uint8Array) => void;
  readonly #inner: Region;
  readonly #counter: AccessCounter;

  constructor(inner: Region, counter: AccessCounter) {
    this.size = inner.size;
    this.#inner = inner;
    this.#counter = counter;
    if (inner.readInto !== undefined)
      this.readInto = (offset, bytes) => {
        inner.readInto!(offset, bytes);
        counter.reads += 1;
      };
  }

  read8(offset: number): number {
    const value = this.#inner.read8(offset);
    this.#counter.reads += 1;
    return value;
  }

  read16(offset: number): number {
    const value = this.#inner.read16(offset);
    this.#counter.reads += 1;
    return value;
  }

  read32(offset: number): number {
    const value = this.#inner.read32(offset);
    this.#counter.reads += 1;
    return value;
  }

  read64(offset: number): bigint {
    const value = this.#inner.read64(offset);
    this.#counter.reads += 1;
    return value;
  }

  write8(offset: number, value: number): void {
    this.#inner.write8(offset, value);
    this.#counter.writes += 1;
  }

  write16(offset: number, value: number): void {
    this.#inner.write16(offset, value);
    this.#counter.writes += 1;
  }

  write32(offset: number, value: number): void {
    this.#inner.write32(offset, value);
    this.#counter.writes += 1;
  }

  write64(offset: number, value: bigint): void {
    this.#inner.write64(offset, value);
    this.#counter.writes += 1;
  }
}

/** A mapped region that counts. */
export class MeteredMapping extends MeteredRegion implements OwnedRegion {
  readonly #mapping: OwnedRegion;

  constructor(inner: OwnedRegion, counter: AccessCounter) {
    super(inner, counter);
    this.#mapping = inner;
  }

  get closed(): boolean {
    return this.#mapping.closed;
  }

  close(): void {
    this.#mapping.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
