import { PciError, type Region } from "@userpci/interface";
import { bytesRegion } from "./bytes.ts";

/** Reads each dword of a region once, when it is first needed. */
export class SnapshotRegion implements Region {
  readonly size: number;
  readonly #source: Region;
  readonly #kept: Region;
  /** 1 for each dword that was read. */
  readonly #known: Uint8Array;

  constructor(source: Region) {
    const { size } = source;
    this.#source = source;
    this.size = size;
    this.#kept = bytesRegion(new Uint8Array(size));
    this.#known = new Uint8Array(Math.ceil(size / 4));
  }

  /** Never reads the dword at `offset`, a multiple of 4; it is 0 from now on, if it was not read before. */
  leaveOut(offset: number): void {
    this.#known[offset >>> 2] = 1;
  }

  read8(offset: number): number {
    this.#fetch(offset, 1);
    return this.#kept.read8(offset);
  }

  read16(offset: number): number {
    this.#fetch(offset, 2);
    return this.#kept.read16(offset);
  }

  read32(offset: number): number {
    this.#fetch(offset, 4);
    return this.#kept.read32(offset);
  }

  read64(offset: number): bigint {
    this.#fetch(offset, 8);
    return this.#kept.read64(offset);
  }

  write8(): void {
    refuse();
  }

  write16(): void {
    refuse();
  }

  write32(): void {
    refuse();
  }

  write64(): void {
    refuse();
  }

  /** Nothing is fetched for a wrong offset; the read that follows refuses it. */
  #fetch(offset: number, width: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + width > this.size) return;
    for (let dword = offset >>> 2; dword * 4 < offset + width; dword++) {
      if (this.#known[dword]) continue;
      this.#copy(dword * 4);
      this.#known[dword] = 1;
    }
  }

  #copy(offset: number): void {
    if (offset + 4 <= this.size) {
      this.#kept.write32(offset, this.#source.read32(offset));
      return;
    }
    for (let at = offset; at < this.size; at++) this.#kept.write8(at, this.#source.read8(at));
  }
}

function refuse(): never {
  throw new PciError("ERR_NOT_SUPPORTED", "a snapshot cannot be written", {
    hint: "write to the region that it was taken of",
  });
}

/**
 * A read-only region that reads each dword of another region once, when it is first needed, and keeps it: what is decoded
 * from it fits together although the device goes on, and bytes that nobody asks for are not touched. Config space allows
 * reading a dword for a byte; other regions may not.
 */
export function snapshotOf(region: Region): Region {
  return new SnapshotRegion(region);
}
