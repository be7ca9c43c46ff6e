import { checkInteger, checkType, PciError, toIova } from "@userpci/interface";
import type { DmaPool } from "./pool.ts";
import type { DmaRing } from "./ring.ts";
import { checkLimits, checkPart, type DmaSegment, type DmaSource, type SegmentLimits } from "./segments.ts";

const TWO_32 = 2 ** 32;
/** Bytes that can be added at once, so that sums stay exact. */
const LARGEST = 2 ** 52;

/** Where a {@link ScatterList} writes its segments: arrays of one length, such as views of a descriptor table. */
export interface SegmentArrays {
  /** Bits 31 to 0 of the addresses. */
  readonly lo: Uint32Array;
  /** Bits 63 to 32. */
  readonly hi: Uint32Array;
  /** Bytes. */
  readonly length: Uint32Array;
}

/**
 * Segments that a device works through in order, in arrays that are made once: `clear`, then `add` range after range. What
 * is adjacent is joined, and what is too large or crosses a boundary is split, into as few as the limits allow. That
 * allocates nothing.
 */
export class ScatterList {
  readonly lo: Uint32Array;
  readonly hi: Uint32Array;
  readonly length: Uint32Array;
  readonly #most: number;
  readonly #boundary: number;
  readonly #halves = new Uint32Array(2);
  #count = 0;
  #bytes = 0;

  /**
   * @param room arrays to write to, or for how many segments there shall be room
   * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT`
   */
  constructor(room: SegmentArrays | number, limits: SegmentLimits = {}) {
    const { maxSegmentSize, boundary } = checkLimits(limits);
    const { lo, hi, length } = typeof room === "number" ? makeArrays(room) : checkArrays(room);
    this.lo = lo;
    this.hi = hi;
    this.length = length;
    this.#most = maxSegmentSize;
    this.#boundary = boundary;
  }

  /** How many segments there are. */
  get count(): number {
    return this.#count;
  }

  /** How many there is room for. */
  get capacity(): number {
    return this.lo.length;
  }

  /** Bytes of all segments. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Forgets the segments. */
  clear(): void {
    this.#count = 0;
    this.#bytes = 0;
  }

  /**
   * Adds bytes behind those that are there.
   *
   * @param offset bytes into the source. Default 0
   * @param size bytes, above 0. Default: to the end of the source
   * @returns how many segments there are now
   * @throws PciError `ERR_OUT_OF_RANGE` for what the source does not have, or if there is no room for the segments: nothing
   * is then added; `ERR_INVALID_ARGUMENT`, `ERR_CLOSED` for a buffer that is closed
   */
  add(source: DmaSource, offset = 0, size?: number): number {
    checkType("source", source, "object");
    const bytes = size ?? source.size - offset;
    if (!(offset >= 0 && bytes >= 1 && offset + bytes <= source.size)) checkPart(source.size, offset, bytes);
    const { iovaLo, iovaHi } = source;
    if (iovaLo !== undefined && iovaHi !== undefined) {
      return this.#append(iovaLo | 0, iovaHi | 0, bytes, offset);
    }
    const { iova } = source;
    return this.#append(Number(iova & 0xffff_ffffn) | 0, Number(iova >> 32n) | 0, bytes, offset);
  }

  /**
   * {@link add} for an element of a pool or a ring.
   *
   * @param offset bytes into the element. Default 0
   * @param size bytes, above 0. Default: to the end of the element
   * @throws PciError as {@link add}
   */
  addElement(elements: DmaPool | DmaRing, index: number, offset = 0, size?: number): number {
    const most = elements.elementSize;
    const bytes = size ?? most - offset;
    if (!(offset >= 0 && bytes >= 1 && offset + bytes <= most)) checkPart(most, offset, bytes);
    elements.writeIova(index, this.#halves, 0);
    return this.#append(this.#halves[0]! | 0, this.#halves[1]! | 0, bytes, offset);
  }

  /**
   * {@link add} for an address that is known.
   *
   * @param lo bits 31 to 0 of the address; taken modulo 2^32, as a typed array takes it
   * @param hi bits 63 to 32, likewise
   * @param size bytes, above 0
   * @throws PciError as {@link add}, also for a range that passes the end of the 64-bit addresses
   */
  addAt(lo: number, hi: number, size: number): number {
    return this.#append(lo | 0, hi | 0, size, 0);
  }

  /** The segments as objects, for where they are few or seldom. */
  toArray(): DmaSegment[] {
    return Array.from({ length: this.#count }, (_, i) => ({
      iova: toIova((BigInt(this.hi[i]!) << 32n) | BigInt(this.lo[i]!)),
      size: this.length[i]!,
    }));
  }

  /** @param lo and `hi`, signed: to V8 these are small integers, while it keeps larger numbers in memory between functions */
  #append(lo: number, hi: number, size: number, offset: number): number {
    checkInteger("offset", offset, 0, LARGEST);
    checkInteger("size", size, 1, LARGEST);
    const start = (lo >>> 0) + offset;
    if ((hi >>> 0) + Math.floor((start + size - 1) / TWO_32) >= TWO_32) throw pastTheEnd(size);
    const before = this.#count;
    let taken = this.#join(start | 0, (hi + Math.floor(start / TWO_32)) | 0, size);
    for (const joined = taken; taken < size; this.#count++) {
      if (this.#count === this.capacity) throw this.#undone(before, joined, size);
      const at = start + taken;
      this.lo[this.#count] = at;
      this.hi[this.#count] = hi + Math.floor(at / TWO_32);
      this.length[this.#count] = this.#room(at | 0, 0, size - taken);
      taken += this.length[this.#count]!;
    }
    this.#bytes += size;
    return this.#count;
  }

  /** Lengthens the last segment if it ends at an address and may have more. @returns by how much */
  #join(lo: number, hi: number, size: number): number {
    const last = this.#count - 1;
    if (last < 0) return 0;
    const length = this.length[last]!;
    const end = this.lo[last]! + length;
    if ((end | 0) !== lo || ((this.hi[last]! + Math.floor(end / TWO_32)) | 0) !== hi) return 0;
    const more = this.#room(lo, length, size);
    this.length[last] = length + more;
    return more;
  }

  /** How many of `size` bytes from an address on a segment may have, which has some before it. 0 where it has to end. */
  #room(lo: number, before: number, size: number): number {
    const most = Math.min(size, this.#most - before);
    if (this.#boundary === 0) return most;
    const passed = (lo >>> 0) % this.#boundary;
    return passed === 0 && before > 0 ? 0 : Math.min(most, this.#boundary - passed);
  }

  /** Takes back what was added of a range that does not fit. @returns what to throw */
  #undone(count: number, joined: number, size: number): PciError {
    this.#count = count;
    if (joined > 0) this.length[count - 1]! -= joined;
    return new PciError("ERR_OUT_OF_RANGE", `${size} more bytes do not fit into ${this.capacity} segments`, {
      hint: "make the list longer, or split the transfer",
    });
  }
}

function makeArrays(room: number): SegmentArrays {
  checkInteger("the number of segments", room, 1, 2 ** 28);
  return { lo: new Uint32Array(room), hi: new Uint32Array(room), length: new Uint32Array(room) };
}

function checkArrays({ lo, hi, length }: SegmentArrays): SegmentArrays {
  const isRight = [lo, hi, length].every((each) => each instanceof Uint32Array && each.length === lo.length);
  if (isRight && lo.length > 0) return { lo, hi, length };
  throw new PciError("ERR_INVALID_ARGUMENT", "segments need three Uint32Arrays of one length above 0", {
    hint: "pass { lo, hi, length }, or the number of segments",
  });
}

function pastTheEnd(size: number): PciError {
  return new PciError(
    "ERR_OUT_OF_RANGE",
    `${size} bytes from there on pass the end of the 64-bit addresses`,
    {
      hint: "pass the address of a mapping and at most its size",
    },
  );
}
