import {
  checkInteger,
  checkPowerOfTwo,
  checkType,
  type Iova,
  type IovaRange,
  MAX_IOVA,
  PciError,
  toIova,
} from "@userpci/interface";
import { exhausted, neverFits, outside } from "./allocator-errors.ts";
import { alignmentUnits, checkIovaAligned, checkSize, type IovaRequest, phaseUnits } from "./iova-request.ts";
import { addressOf, LARGE_PAGE, UNIT, UNITS, unitOf, unitStartingAt } from "./pages.ts";
import { RangeMap } from "./range-map.ts";
import type { RangeEntry } from "./range-tree.ts";
import { formatRange, formatRanges, limitRanges, normaliseRanges, rangesContain } from "./ranges.ts";
import { RestingRanges } from "./rest.ts";

/** How an {@link IovaAllocator} is made. */
export interface IovaAllocatorOptions<T> {
  /** Bytes to leave free on both sides of each chosen range; rounded up to 4 KiB. Default 0. */
  readonly guard?: number;
  /** Name of an owner for messages. Default: `a live range`. */
  readonly describe?: (owner: T) => string;
}

/** A live range. */
export interface IovaAllocation<T> {
  readonly iova: Iova;
  /** Bytes, a multiple of 4 KiB. */
  readonly size: number;
  readonly owner: T;
}

/** Stands in the table for addresses that are not valid. */
const blocked = Symbol("blocked");
/** And for those that were freed and wait for the next request of their size. */
const resting = Symbol("resting");

type Holder<T> = T | typeof blocked | typeof resting;

/** Devices that drive more than 32 bits are kept out of these units, which 32-bit devices need. */
const LOW_UNITS = 2 ** 20;

/**
 * Hands out ranges of I/O virtual addresses within the valid ones, in 4 KiB units, and knows who has each of them. A small
 * range that was freed serves the next request of its size, else the first fit, upwards; devices wider than 32 bits are
 * served above 4 GiB as long as there is room. Address 0 is given only to who asks for it by name: drivers and devices
 * take it for "none". Calls take O(log n).
 */
export class IovaAllocator<T> {
  readonly #table = new RangeMap<Holder<T>>();
  readonly #guard: number;
  readonly #describe: (owner: T) => string;
  readonly #resting = new RestingRanges();
  #ranges: readonly IovaRange[] = [];
  #blocked: number[] = [];
  #units = 0;

  /**
   * @param ranges valid addresses; see {@link setRanges}
   * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT`
   */
  constructor(ranges: Iterable<IovaRange> = [], options: IovaAllocatorOptions<T> = {}) {
    checkType("options", options, "object");
    const { guard = 0, describe = () => "a live range" } = options;
    checkType("describe", describe, "function");
    this.#guard = Math.ceil(checkInteger("guard", guard, 0, 2 ** 40) / UNIT);
    this.#describe = describe;
    this.setRanges(ranges);
  }

  /** The valid addresses, normalised. */
  get ranges(): readonly IovaRange[] {
    return this.#ranges;
  }

  /** Number of live ranges. */
  get count(): number {
    return this.#table.size - this.#blocked.length - this.#resting.count;
  }

  /** Sum of the sizes of the live ranges, in bytes. */
  get allocatedBytes(): number {
    return this.#units * UNIT;
  }

  /**
   * Replaces the valid addresses. Parts of 4 KiB units at their ends are not used.
   *
   * @throws PciError `ERR_IOVA_RANGE` if a live range would be outside, `ERR_OUT_OF_RANGE`; nothing changes then
   */
  setRanges(ranges: Iterable<IovaRange>): void {
    const valid = normaliseRanges(ranges);
    const holes = holesOf(valid);
    this.#wake();
    const before = this.#clearBlocked();
    const stranded = holes.map(([start, end]) => this.#table.overlap(start, end)).find((entry) => entry);
    this.#block(stranded === undefined ? holes : before);
    if (stranded !== undefined) {
      throw new PciError(
        "ERR_IOVA_RANGE",
        `${this.#name(stranded)} is outside the addresses that would remain valid: ${formatRanges(valid)}`,
        { hint: "unmap or free it first, or use a domain of its own for what has these limits" },
      );
    }
    this.#ranges = valid;
  }

  /**
   * Chooses a range and marks it as taken.
   *
   * @param size bytes, above 0; rounded up to 4 KiB
   * @throws PciError `ERR_IOVA_RANGE` if no valid address would do even with nothing live, `ERR_IOVA_EXHAUSTED`,
   * `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
   */
  alloc(size: number, owner: T, request?: IovaRequest): Iova {
    const units = checkSize(size);
    // Nearly all requests, in the time of a mapping.
    const start = request === undefined && size < LARGE_PAGE ? this.#take(owner, units, 1, 0, 64) : -1;
    if (start < 0) return this.#alloc(units, owner, request ?? {});
    this.#units += units;
    return addressOf(start);
  }

  /**
   * Takes the range at `iova`. Guards are not kept: who names an address knows the neighbours.
   *
   * @param size bytes, above 0; rounded up to 4 KiB
   * @throws PciError `ERR_IOVA_RANGE` if it is not valid, does not fit `addressBits` or passes 2^64, `ERR_IOVA_OVERLAP`,
   * `ERR_MISALIGNED`, `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
   */
  place(iova: bigint | number, size: number, owner: T, request: IovaRequest = {}): Iova {
    checkType("request", request, "object");
    const start = toIova(iova);
    const units = checkSize(size);
    const bits = checkInteger("addressBits", request.addressBits ?? 64, 12, 64);
    checkIovaAligned(start, Math.max(UNIT, checkPowerOfTwo("alignment", request.alignment ?? UNIT)));
    const last = start + BigInt(units * UNIT) - 1n;
    if (last > MAX_IOVA || !rangesContain(limitRanges(this.#ranges, bits), start, last)) {
      throw outside({ start, last }, bits, limitRanges(this.#ranges, bits));
    }
    const taken = this.#overlap(unitOf(start), unitOf(start) + units);
    if (taken !== undefined) {
      throw new PciError(
        "ERR_IOVA_OVERLAP",
        `${formatRange({ start, last })} overlaps ${this.#name(taken)}`,
        { hint: "close that one first, or leave the address out and let one be chosen" },
      );
    }
    this.#table.insert(unitOf(start), unitOf(start) + units, owner);
    this.#units += units;
    return start;
  }

  /**
   * Gives back the range that starts at `iova`.
   *
   * @returns its owner, or undefined if no live range starts there
   */
  free(iova: bigint): T | undefined {
    if (typeof iova !== "bigint") checkType("iova", iova, "bigint");
    const start = unitStartingAt(iova);
    const entry = start < 0 ? undefined : this.#table.find(start);
    if (entry === undefined || entry.start !== start || !isLive(entry)) return undefined;
    const units = entry.end - start;
    // A range between guards keeps them only while the table knows that it is free.
    if (this.#guard === 0 && this.#resting.keep(start, units, entry.handle)) {
      this.#table.replace(entry.handle, resting);
    } else {
      this.#table.delete(start);
    }
    this.#units -= units;
    return entry.value;
  }

  /** The live range that holds `iova`, if any. */
  find(iova: bigint): IovaAllocation<T> | undefined {
    const entry = this.#entryAt(iova);
    return entry === undefined ? undefined : allocationOf(entry);
  }

  /** The live range that ends at or below `iova` and lies nearest, if any. */
  below(iova: bigint): IovaAllocation<T> | undefined {
    checkType("iova", iova, "bigint");
    let entry = this.#table.overlap(0, unitOf(iova));
    while (entry !== undefined && !isLive(entry)) entry = this.#table.overlap(0, entry.start);
    return entry === undefined ? undefined : allocationOf(entry);
  }

  /** The live range that starts above `iova` and lies nearest, if any. */
  above(iova: bigint): IovaAllocation<T> | undefined {
    checkType("iova", iova, "bigint");
    let entry = this.#table.after(unitOf(iova));
    while (entry !== undefined && !isLive(entry)) entry = this.#table.after(entry.start);
    return entry === undefined ? undefined : allocationOf(entry);
  }

  /** The live ranges by ascending address. Nothing may be allocated or freed meanwhile. */
  *[Symbol.iterator](): Generator<IovaAllocation<T>, void> {
    for (const entry of this.#table) {
      if (isLive(entry)) yield allocationOf(entry);
    }
  }

  #alloc(units: number, owner: T, request: IovaRequest): Iova {
    checkType("request", request, "object");
    const bits = checkInteger("addressBits", request.addressBits ?? 64, 12, 64);
    const { alignment: wanted } = request;
    const alignment = alignmentUnits(wanted ?? UNIT);
    const isLarge = units >= LARGE_PAGE / UNIT;
    const usual = wanted ?? (isLarge ? LARGE_PAGE : UNIT);
    const preferred = alignmentUnits(request.preferredAlignment ?? usual);
    const phase = phaseUnits(request.phase ?? 0, preferred);
    // What rests would cut up the room that large pages need.
    if (isLarge) this.#wake();
    let start = -1;
    if (preferred > alignment) start = this.#take(owner, units, preferred, phase, bits);
    if (start < 0) start = this.#take(owner, units, alignment, 0, bits);
    if (start < 0 && this.#wake()) return this.#alloc(units, owner, request);
    if (start < 0) throw this.#noRoom(units, alignment, bits);
    this.#units += units;
    return addressOf(start);
  }

  /** Takes a free range for `owner`. @returns its start, or -1 if there is none; all in units */
  #take(owner: T, size: number, alignment: number, phase: number, bits: number): number {
    const high = highOf(bits);
    const low = high > LOW_UNITS ? LOW_UNITS : 1;
    let start = this.#resting.offer(size, alignment, phase, low, high);
    if (start >= 0) {
      this.#table.replace(this.#resting.take(size), owner);
      return start;
    }
    start = this.#search(size, alignment, phase, low, high);
    if (start < 0 && low > 1) start = this.#search(size, alignment, phase, 1, high);
    if (start >= 0) this.#table.insert(start, start + size, owner);
    return start;
  }

  #search(size: number, alignment: number, phase: number, low: number, high: number): number {
    return this.#table.findGap({ size, alignment, phase, guard: this.#guard, low, high });
  }

  /** Gives the resting ranges back to the table. @returns whether there were any */
  #wake(): boolean {
    if (this.#resting.count === 0) return false;
    for (const start of this.#resting.clear()) this.#table.delete(start);
    return true;
  }

  /** A range that is not free, among those in common with `start` to `end`. */
  #overlap(start: number, end: number): RangeEntry<Holder<T>> | undefined {
    const taken = this.#table.overlap(start, end);
    if (taken?.value !== resting) return taken;
    this.#wake();
    return this.#table.overlap(start, end);
  }

  #entryAt(iova: bigint): RangeEntry<T> | undefined {
    if (typeof iova !== "bigint") checkType("iova", iova, "bigint");
    if (iova < 0n || iova > MAX_IOVA) return undefined;
    const entry = this.#table.find(unitOf(iova));
    return entry !== undefined && isLive(entry) ? entry : undefined;
  }

  #clearBlocked(): [number, number][] {
    const cleared = this.#blocked.map((start) => this.#table.delete(start)!);
    this.#blocked = [];
    return cleared.map((entry) => [entry.start, entry.end]);
  }

  #block(holes: readonly (readonly [number, number])[]): void {
    for (const [start, end] of holes) this.#table.insert(start, end, blocked);
    this.#blocked = holes.map(([start]) => start);
  }

  #name(entry: RangeEntry<Holder<T>>): string {
    const range = formatRange({
      start: addressOf(entry.start),
      last: addressOf(entry.end - 1) + BigInt(UNIT - 1),
    });
    return isLive(entry) ? `${this.#describe(entry.value)} at ${range}` : range;
  }

  #noRoom(units: number, alignment: number, bits: number): PciError {
    const valid = limitRanges(this.#ranges, bits);
    const wanted = { size: units * UNIT, alignment: alignment * UNIT, bits };
    const empty = new IovaAllocator<T>(this.#ranges, { guard: this.#guard * UNIT });
    if (empty.#search(units, alignment, 0, 1, highOf(bits)) < 0) return neverFits(wanted, valid);
    const largest = this.#largestGap(bits);
    return exhausted(wanted, valid, { taken: this.allocatedBytes, ranges: this.count, largest });
  }

  /** Size in bytes of the widest free piece that such a device can drive. */
  #largestGap(bits: number): number {
    const high = highOf(bits);
    let fits = 0;
    let tooWide = high + 1;
    while (tooWide - fits > 1) {
      const size = Math.floor((fits + tooWide) / 2);
      if (this.#table.findGap({ size, alignment: 1, guard: 0, low: 1, high }) >= 0) fits = size;
      else tooWide = size;
    }
    return fits * UNIT;
  }
}

function isLive<T>(entry: RangeEntry<Holder<T>>): entry is RangeEntry<T> {
  return entry.value !== blocked && entry.value !== resting;
}

/** First unit that a device of this width cannot drive. */
function highOf(bits: number): number {
  return bits === 64 ? UNITS : 2 ** (bits - 12);
}

function allocationOf<T>(entry: RangeEntry<T>): IovaAllocation<T> {
  return { iova: addressOf(entry.start), size: (entry.end - entry.start) * UNIT, owner: entry.value };
}

/** What the valid ranges leave out, in units, ends excluded. */
function holesOf(valid: readonly IovaRange[]): [number, number][] {
  const holes: [number, number][] = [];
  let next = 0;
  for (const { start, last } of valid) {
    const first = unitOf(start + BigInt(UNIT - 1));
    const end = unitOf(last + 1n);
    if (first >= end) continue;
    if (first > next) holes.push([next, first]);
    next = end;
  }
  if (next < UNITS) holes.push([next, UNITS]);
  return holes;
}
