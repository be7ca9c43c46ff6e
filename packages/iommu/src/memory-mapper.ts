import {
  checkAligned,
  checkInteger,
  checkPowerOfTwo,
  checkType,
  type DirtyLog,
  type DmaDirection,
  type DmaMapper,
  type IovaRange,
  MAX_IOVA,
  type MapperLimits,
  type MapRequest,
  PciError,
} from "@userpci/interface";
import { checkDirection } from "./direction.ts";
import { hex, LARGEST_PAGE, UNIT, UNITS, unitOf, unitStartingAt } from "./pages.ts";
import { RangeMap } from "./range-map.ts";
import { formatRange, formatRanges, normaliseRanges } from "./ranges.ts";
import { SoftwareDirtyLog } from "./software-dirty-log.ts";

/** How a {@link MemoryMapper} is made. */
export interface MemoryMapperOptions {
  /** For messages. Default `memory mapper`. */
  readonly name?: string;
  /** Addresses that may be mapped. Default: all 64 bits. */
  readonly ranges?: readonly IovaRange[];
  /** Smallest page in bytes, a power of two of 4 KiB or more. Default 4 KiB. */
  readonly pageSize?: number;
  /** Most mappings at one time; the next gives `ERR_MAPPING_LIMIT`. Default: no limit. */
  readonly maxMappings?: number;
}

/** An access that the page table does not allow. */
export interface DmaFault {
  /** First address that could not be accessed. */
  readonly iova: bigint;
  readonly reason: "unmapped" | "direction";
}

/** What a device's access reaches. */
export interface Translation {
  /** The bytes, in order, as far as the access may go. */
  readonly slices: readonly Uint8Array[];
  /** What stopped the access, if anything did. */
  readonly fault?: DmaFault;
}

const ALL: readonly IovaRange[] = [{ start: 0n, last: MAX_IOVA }];

/** A page table in software: the IOMMU of devices that are emulated or served in this process (row R12). */
export class MemoryMapper implements DmaMapper {
  readonly name: string;
  readonly #dirty = new SoftwareDirtyLog();
  readonly #limits: MapperLimits;
  /** The ranges of the limits in units, the last one not included. */
  readonly #spans: readonly (readonly [start: number, end: number])[];
  readonly #pageUnits: number;
  readonly #maxMappings: number;
  readonly #table = new RangeMap<MapRequest>();
  #closed = false;

  /** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for options that make no sense */
  constructor(options: MemoryMapperOptions = {}) {
    checkType("options", options, "object");
    const { name = "memory mapper", ranges = ALL, pageSize = UNIT, maxMappings } = options;
    checkType("name", name, "string");
    this.name = name;
    checkPowerOfTwo("pageSize", checkInteger("pageSize", pageSize, UNIT, LARGEST_PAGE));
    this.#limits = { ranges: normaliseRanges(ranges), pageSize };
    this.#spans = this.#limits.ranges.map(({ start, last }) => [
      start > MAX_IOVA - BigInt(UNIT) ? UNITS : unitOf(start + BigInt(UNIT - 1)),
      last === MAX_IOVA ? UNITS : unitOf(last + 1n),
    ]);
    this.#pageUnits = pageSize / UNIT;
    this.#maxMappings =
      maxMappings === undefined ? Infinity : checkInteger("maxMappings", maxMappings, 0, 2 ** 32);
  }

  /** Writes of devices are noted when `translate` is asked for them. */
  get dirty(): DirtyLog {
    return this.#dirty;
  }

  /** Number of mappings in it. */
  get size(): number {
    return this.#table.size;
  }

  /** Whether it was closed: it maps nothing any more. */
  get closed(): boolean {
    return this.#closed;
  }

  limits(): MapperLimits {
    if (this.#maxMappings === Infinity) return this.#limits;
    return { ...this.#limits, mappingsLeft: this.#maxMappings - this.#table.size };
  }

  async map(request: MapRequest): Promise<void> {
    this.mapSync(request);
  }

  /**
   * @throws PciError `ERR_CLOSED`, `ERR_IOVA_OVERLAP`, `ERR_MAPPING_LIMIT`, `ERR_NOT_SUPPORTED` for pages that are not in the
   * memory's buffer; `ERR_IOVA_RANGE` for addresses that it does not translate, and for what are no whole pages, which a
   * kernel's IOMMU does not tell from them (EINVAL); `ERR_INVALID_ARGUMENT`, `ERR_MISALIGNED`, `ERR_OUT_OF_RANGE` for what no
   * domain asks for
   */
  mapSync(request: MapRequest): void {
    if (this.#closed) throw this.#closedError();
    const start = this.#firstUnitOf(request);
    checkWithinBuffer(request, this.name);
    const end = start + request.size / UNIT;
    if (this.#table.overlap(start, end) !== undefined) {
      throw new PciError(
        "ERR_IOVA_OVERLAP",
        `${this.name} has something in ${formatMapping(request)} already`,
        { hint: "unmap that first; a domain chooses addresses that are free" },
      );
    }
    if (this.#table.size >= this.#maxMappings) {
      throw new PciError("ERR_MAPPING_LIMIT", `${this.name} holds its ${this.#maxMappings} mappings`, {
        hint: "map fewer and larger buffers",
      });
    }
    this.#table.insert(start, end, request);
  }

  async unmap(iova: bigint, size: number): Promise<void> {
    this.unmapSync(iova, size);
  }

  /** @throws PciError `ERR_INVALID_ARGUMENT` if no mapping has exactly this range */
  unmapSync(iova: bigint, size: number): void {
    checkType("iova", iova, "bigint");
    checkInteger("size", size, 0, Number.MAX_SAFE_INTEGER);
    const entry = this.#table.find(unitOf(iova));
    if (entry === undefined || entry.value.iova !== iova || entry.value.size !== size) {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `${this.name} has no mapping of ${hex(size)} bytes at ${hex(iova)}`,
        { hint: "unmap exactly what was mapped: its first address and its whole size" },
      );
    }
    this.#remove(entry);
  }

  /**
   * What a device reaches that accesses `size` bytes at `iova`. Slices are views on the mapped memory, split where one
   * mapping ends and the next begins.
   *
   * @param direction `to-device` if the device reads, `from-device` if it writes, `bidirectional` if it does both
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for an address, a size or a direction that is none
   */
  translate(iova: bigint, size: number, direction: DmaDirection): Translation {
    checkType("iova", iova, "bigint");
    checkInteger("size", size, 0, Number.MAX_SAFE_INTEGER);
    checkDirection(direction);
    const slices: Uint8Array[] = [];
    let at = iova;
    for (let left = size; left > 0; ) {
      const mapping = at > MAX_IOVA ? undefined : this.#table.find(unitOf(at))?.value;
      if (mapping === undefined) return { slices, fault: { iova: at, reason: "unmapped" } };
      const inside = Number(at - mapping.iova);
      const length = Math.min(left, mapping.size - inside);
      const { buffer, byteOffset = 0 } = mapping.memory;
      const start = byteOffset + mapping.offset + inside;
      // Bytes that were transferred to somebody else, or given up by a buffer made smaller, are not the device's to reach.
      const isGone = start + length > buffer.byteLength;
      if (isGone) return { slices, fault: { iova: at, reason: "unmapped" } };
      if (mapping.direction !== "bidirectional" && mapping.direction !== direction) {
        return { slices, fault: { iova: at, reason: "direction" } };
      }
      slices.push(new Uint8Array(buffer, start, length));
      if (direction !== "to-device") this.#dirty.note(at, length);
      at += BigInt(length);
      left -= length;
    }
    return { slices };
  }

  /** Drops all mappings. Harmless twice. */
  close(): void {
    this.#closed = true;
    for (const entry of [...this.#table]) this.#remove(entry);
  }

  /**
   * The unit that a request begins at. A domain has checked all of it, but a mapper may be used without one.
   *
   * @throws PciError see {@link mapSync}
   */
  #firstUnitOf(request: MapRequest): number {
    checkType("request", request, "object");
    checkRequest(request);
    const { iova, size } = request;
    const start = unitStartingAt(iova);
    const units = size / UNIT;
    const pages = this.#pageUnits;
    const areWhole = start >= 0 && units > 0 && start % pages === 0 && units % pages === 0;
    if (areWhole && this.#spans.some(([first, end]) => start >= first && start + units <= end)) return start;
    const { ranges, pageSize } = this.#limits;
    throw new PciError("ERR_IOVA_RANGE", `${this.name} cannot map ${size} bytes at ${hex(iova)}`, {
      hint: `it translates ${formatRanges(ranges)} in pages of ${pageSize} bytes; a domain chooses addresses that do`,
    });
  }

  #closedError(): PciError {
    return new PciError("ERR_CLOSED", `${this.name} is closed`, {
      hint: "attach a new MemoryMapper to a new domain: one that is closed serves no device",
    });
  }

  /** What was written goes with the mapping: the next at its place is other memory. */
  #remove({ start, end }: { readonly start: number; readonly end: number }): void {
    this.#table.delete(start);
    this.#dirty.forget(start, end);
  }
}

/** Checks what does not depend on the addresses that a mapper has. @throws PciError see {@link MemoryMapper.mapSync} */
function checkRequest({ iova, size, memory, offset, direction }: MapRequest): void {
  checkType("iova", iova, "bigint");
  checkInteger("size", size, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  checkAligned("offset", checkInteger("offset", offset, 0, Number.MAX_SAFE_INTEGER), UNIT);
  checkType("memory", memory, "object");
  checkDirection(direction);
}

/** Memory of a caller's own bytes may begin before the buffer that they are in, and end behind it. */
function checkWithinBuffer({ memory, offset, size }: MapRequest, name: string): void {
  const { buffer, byteOffset = 0 } = memory;
  checkType("buffer of the memory", buffer, "object");
  // Memory without bytes of this process: a device's access to it is a fault.
  const { byteLength } = buffer;
  if (byteLength === 0 && memory.byteOffset === undefined) return;
  const start = byteOffset + offset;
  if (start >= 0 && start + size <= byteLength) return;
  throw new PciError("ERR_NOT_SUPPORTED", `${name} reaches bytes of a buffer only, not those around it`, {
    hint: "map bytes that begin and end at page boundaries",
  });
}

function formatMapping({ iova, size }: MapRequest): string {
  return formatRange({ start: iova, last: iova + BigInt(size) - 1n });
}
