import { checkInteger, checkMethods, checkType, formatValue, PciError, toIova } from "@userpci/interface";
import type { DmaPool } from "./pool.ts";
import type { DmaRing } from "./ring.ts";
import {
  checkIova,
  checkLimits,
  type DmaSegment,
  type DmaSource,
  LARGEST_SOURCE,
  partSize,
  type SegmentLimits,
} from "./segments.ts";

const TWO_32 = 2 ** 32;

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
  readonly #room: number;
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
    this.#room = lo.length;
    this.#most = maxSegmentSize;
    this.#boundary = boundary;
  }

  /** How many segments there are. */
  get count(): number {
    return this.#count;
  }

  /** How many there is room for. */
  get capacity(): number {
    return this.#room;
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
   * is then added; `ERR_INVALID_ARGUMENT`, `ERR_CLOSED` for a buffer that is closed, and for arrays that were transferred,
   * or whose memory is
   */
  add(source: DmaSource, offset = 0, size?: number): number {
    checkType("source", source, "object");
    const bytes = partSize(source.size, offset, size);
    const { iovaLo, iovaHi } = source;
    if (iovaLo !== undefined && iovaHi !== undefined) {
      if (!isHalf(iovaLo)) checkInteger("source.iovaLo", iovaLo, 0, TWO_32 - 1);
      if (!isHalf(iovaHi)) checkInteger("source.iovaHi", iovaHi, 0, TWO_32 - 1);
      return this.#append(iovaLo | 0, iovaHi | 0, bytes, offset);
    }
    const iova = checkIova("source.iova", source.iova);
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
    if (typeof elements?.writeIova !== "function") checkMethods("elements", elements, ["writeIova"]);
    const bytes = partSize(elements.elementSize, offset, size);
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
    if (!Number.isSafeInteger(lo)) checkInteger("lo", lo, 0, TWO_32 - 1);
    if (!Number.isSafeInteger(hi)) checkInteger("hi", hi, 0, TWO_32 - 1);
    checkInteger("size", size, 1, LARGEST_SOURCE);
    return this.#append(lo | 0, hi | 0, size, 0);
  }

  /** The segments as objects, for where they are few or seldom. @throws PciError `ERR_CLOSED` as {@link add} */
  toArray(): DmaSegment[] {
    this.#checkPresent();
    return Array.from({ length: this.#count }, (_, i) => ({
      iova: toIova((BigInt(this.hi[i]!) << 32n) | BigInt(this.lo[i]!)),
      size: this.length[i]!,
    }));
  }

  /** @param lo and `hi`, signed: to V8 these are small integers, while it keeps larger numbers in memory between functions */
  #append(lo: number, hi: number, size: number, offset: number): number {
    this.#checkPresent();
    const start = (lo >>> 0) + offset;
    if ((hi >>> 0) + Math.floor((start + size - 1) / TWO_32) >= TWO_32) throw pastTheEnd(size);
    const before = this.#count;
    let taken = this.#join(start | 0, (hi + Math.floor(start / TWO_32)) | 0, size);
    for (const joined = taken; taken < size; this.#count++) {
      if (this.#count === this.capacity) throw this.#undone(before, joined, size);
      const at = start + taken;
      this.lo[this.#count] = at;
      this.hi[this.#count] = hi + Math.floor(at / TWO_32);
      this.length[this.#count] = this.#part(at | 0, 0, size - taken);
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
    const more = this.#part(lo, length, size);
    this.length[last] = length + more;
    return more;
  }

  /** How many of `size` bytes from an address on a segment may have, which has some before it. 0 where it has to end. */
  #part(lo: number, before: number, size: number): number {
    const most = Math.min(size, this.#most - before);
    if (this.#boundary === 0) return most;
    const passed = (lo >>> 0) % this.#boundary;
    return passed === 0 && before > 0 ? 0 : Math.min(most, this.#boundary - passed);
  }

  /** Typed arrays take what is written behind their end without a word. @throws PciError `ERR_CLOSED` */
  #checkPresent(): void {
    const { lo, hi, length } = this;
    const room = this.#room;
    if (lo.length === room && hi.length === room && length.length === room) return;
    throw new PciError("ERR_CLOSED", `the arrays of a list of ${room} segments are no longer there`, {
      hint: "make another list: their buffer was transferred, or the memory closed that they are views of",
    });
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
  try {
    return { lo: new Uint32Array(room), hi: new Uint32Array(room), length: new Uint32Array(room) };
  } catch (cause) {
    throw new PciError("ERR_OUT_OF_RANGE", `there is no memory for ${room} segments, ${12 * room} bytes`, {
      hint: "split the transfer, or raise maxSegmentSize and boundary as far as the device allows",
      cause,
    });
  }
}

function checkArrays(room: SegmentArrays): SegmentArrays {
  const { lo, hi, length } = room ?? {};
  const isRight = [lo, hi, length].every((each) => each instanceof Uint32Array && each.length === lo.length);
  const areThree = lo !== hi && hi !== length && length !== lo;
  if (isRight && areThree && lo.length > 0) return { lo, hi, length };
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `segments need three Uint32Arrays of one length above 0, which ${formatValue(room)} has not`,
    { hint: "pass { lo, hi, length }, or the number of segments" },
  );
}

/** Whether it is half of an address as {@link DmaSource} has it. */
function isHalf(value: number): boolean {
  return typeof value === "number" && value >>> 0 === value;
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
