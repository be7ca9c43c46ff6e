import {
  checkAligned,
  checkInteger,
  checkType,
  type DirtyLog,
  type DmaMapper,
  Failures,
  PciError,
} from "@userpci/interface";
import type { Mapping } from "./mapping.ts";
import { hex, UNIT } from "./pages.ts";
import { notNoting } from "./software-dirty-log.ts";

/** What a log of a whole domain needs of it. */
export interface DirtyHost {
  readonly mappers: readonly DmaMapper[];
  /** The mappings that mappers have. */
  visible(): readonly Mapping[];
  /** The mapping that mappers have at an address. */
  mappingAt(iova: bigint): Mapping | undefined;
  /** @throws PciError `ERR_CLOSED` */
  checkOpen(): void;
}

/**
 * The pages that the devices of a domain write: what any of its mappers has noted. Mappers tell of whole mappings; what was
 * not asked for of one is kept, so that parts of a memory that is mapped as a whole can be taken one by one.
 */
export class DomainDirtyLog implements DirtyLog {
  readonly pageSize = UNIT;
  readonly #host: DirtyHost;
  /** Mappers that note. */
  readonly #noting = new Set<DmaMapper>();
  /** What was read of a mapping and not taken yet. */
  #kept = new WeakMap<Mapping, Uint8Array>();
  #on = false;

  constructor(host: DirtyHost) {
    this.#host = host;
  }

  get exact(): boolean {
    return this.#host.mappers.every((mapper) => mapper.dirty?.exact === true);
  }

  start(): void {
    this.#host.checkOpen();
    this.#noteDuring(this.#host.mappers, () => undefined);
    this.#on = true;
  }

  /** Does what puts mappings into a mapper that joins: while the log is on, it notes before it has any. */
  whileJoining(mapper: DmaMapper, join: () => void): void {
    this.#noteDuring(this.#on ? [mapper] : [], join);
  }

  stop(): void {
    this.#host.checkOpen();
    this.#on = false;
    this.#kept = new WeakMap();
    const failures = new Failures();
    for (const mapper of this.#noting) failures.try(() => this.#end(mapper));
    failures.throwIfAny("nothing is noted any more, but");
  }

  /** Keeps what is noted by now: a device leaves, with which its IOMMU's page table and what that has noted may go. */
  keep(): void {
    if (!this.#on) return;
    for (const mapping of this.#host.visible()) {
      try {
        this.#read(mapping);
      } catch {
        // A page too many is copied once more; one that is missing is lost.
        this.#kept.get(mapping)?.fill(0xff);
      }
    }
  }

  take(iova: bigint, size: number): Uint8Array {
    this.#host.checkOpen();
    checkType("iova", iova, "bigint");
    checkAligned("iova", Number(iova % BigInt(UNIT)), UNIT);
    checkAligned("size", checkInteger("size", size, 0, Number.MAX_SAFE_INTEGER), UNIT);
    if (!this.#on) throw notNoting();
    // All of them first: what is moved is told to nobody if a later one throws.
    const parts = this.#mappingsIn(iova, size).map((mapping) => ({ mapping, noted: this.#read(mapping) }));
    const bits = new Uint8Array(Math.ceil(size / UNIT / 8));
    let done = 0;
    for (const { mapping, noted } of parts) {
      const inside = Number(iova + BigInt(done) - mapping.iova);
      const length = Math.min(size - done, mapping.size - inside);
      moveBits(noted, inside / UNIT, bits, done / UNIT, length / UNIT);
      done += length;
    }
    return bits;
  }

  /** What is mapped at a range, ascending. @throws PciError `ERR_INVALID_ARGUMENT` if that is not all of it */
  #mappingsIn(iova: bigint, size: number): Mapping[] {
    const mappings: Mapping[] = [];
    const end = iova + BigInt(size);
    for (let at = iova; at < end; ) {
      const mapping = this.#host.mappingAt(at);
      if (mapping === undefined) throw nothingMapped(at);
      mappings.push(mapping);
      at = mapping.iova + BigInt(mapping.size);
    }
    return mappings;
  }

  /** What is noted and not taken of a mapping, in bits that may be cleared. */
  #read(mapping: Mapping): Uint8Array {
    const all = this.#kept.get(mapping) ?? new Uint8Array(Math.ceil(mapping.size / UNIT / 8));
    this.#kept.set(mapping, all);
    for (const mapper of this.#host.mappers) {
      const { pageSize } = mapper.dirty!;
      const bits = mapper.dirty!.take(mapping.iova, mapping.size);
      for (let page = 0; page < mapping.size / UNIT; page++) {
        const theirs = Math.floor((page * UNIT) / pageSize);
        if (((bits[theirs >> 3]! >> (theirs & 7)) & 1) === 1) all[page >> 3]! |= 1 << (page & 7);
      }
    }
    return all;
  }

  /** Has mappers note, and does some work; if one of both fails, ends it for those that did not note before. */
  #noteDuring(mappers: readonly DmaMapper[], work: () => void): void {
    const before = new Set(this.#noting);
    try {
      for (const mapper of mappers) this.#begin(mapper);
      work();
    } catch (error) {
      const failures = new Failures();
      for (const mapper of this.#noting) if (!before.has(mapper)) failures.try(() => this.#end(mapper));
      throw error;
    }
  }

  /** Has a mapper note. One that did may have forgotten it: a container whose last group left it begins afresh. */
  #begin(mapper: DmaMapper): void {
    if (mapper.dirty === undefined) {
      throw new PciError("ERR_NOT_SUPPORTED", `${mapper.name} does not note which pages devices write`, {
        hint: "keep devices whose writes are to be known in a domain of their own",
      });
    }
    mapper.dirty.start();
    this.#noting.add(mapper);
  }

  #end(mapper: DmaMapper): void {
    mapper.dirty?.stop();
    this.#noting.delete(mapper);
  }
}

/** Moves `count` bits and clears them where they were. */
function moveBits(from: Uint8Array, first: number, to: Uint8Array, at: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const source = first + i;
    const mask = 1 << (source & 7);
    if ((from[source >> 3]! & mask) === 0) continue;
    from[source >> 3]! &= ~mask;
    to[(at + i) >> 3]! |= 1 << ((at + i) & 7);
  }
}

function nothingMapped(iova: bigint): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `nothing is mapped at ${hex(iova)}`, {
    hint: "take what a buffer has: its iova and its size in whole pages",
  });
}
