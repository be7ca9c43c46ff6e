import { MAX_IOVA, PciError, toIova } from "@userpci/interface";
import { MemoryMapper } from "@userpci/iommu";
import { refusal } from "./descriptors.ts";
import type { FileWindows, MappedPart } from "./file-windows.ts";

/** Smallest page of maps, in bytes: what VERSION offers as `pgsizes`. */
export const DMA_PAGE = 4096n;

/** A map that a client asks for. */
export interface DmaMapRequest {
  readonly start: bigint;
  /** Bytes. */
  readonly size: bigint;
  /** As the device sees it. */
  readonly readable: boolean;
  readonly writable: boolean;
  /** The file behind it; without one the client is asked for every access, by message. */
  readonly file?: { readonly fd: number; readonly offset: bigint };
}

/** One map of a client. */
export interface DmaEntry {
  readonly start: bigint;
  /** Last address, included: a map may end at 2^64. */
  readonly last: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly part: MappedPart | undefined;
}

/**
 * What a client has mapped for its device: the maps with a file through a page table in software, those without for
 * messages. Ranges are ordered and disjoint.
 */
export class DmaTable {
  /** The maps that have a file. */
  readonly mapper = new MemoryMapper({ name: "the client's DMA maps" });
  readonly #files: FileWindows;
  readonly #most: number;
  readonly #entries: DmaEntry[] = [];

  /** @param most maps at one time (`max_dma_maps`) */
  constructor(files: FileWindows, most: number) {
    this.#files = files;
    this.#most = most;
  }

  /** Number of maps. */
  get size(): number {
    return this.#entries.length;
  }

  /**
   * Adds a map. The same one once more is no error, and changes nothing.
   *
   * @throws PciError `EINVAL` for what no map may be, `ERR_IOVA_OVERLAP`, `ERR_MAPPING_LIMIT`, or of the file
   */
  map(request: DmaMapRequest): void {
    const last = lastOf(request.start, request.size);
    const at = this.#firstAt(request.start);
    const neighbour = this.#entries[at];
    const overlaps = neighbour !== undefined && neighbour.start <= last;
    if (!overlaps && this.#entries.length >= this.#most) {
      throw new PciError("ERR_MAPPING_LIMIT", `the client has its ${this.#most} DMA maps`, {
        hint: "map fewer and larger ranges; the server's limits.dmaMaps is the number",
      });
    }
    const part = this.#mapFile(request);
    const entry: DmaEntry = { ...request, last, part };
    if (overlaps) {
      part?.release();
      if (isSame(neighbour, entry)) return;
      throw new PciError("ERR_IOVA_OVERLAP", `${format(entry)} overlaps the map of ${format(neighbour)}`, {
        hint: "unmap that first",
      });
    }
    this.#enter(entry);
    this.#entries.splice(at, 0, entry);
  }

  /**
   * Drops every map inside a range, which need not have any: guests with an IOMMU unmap more than they mapped.
   *
   * @param before called when nothing stands against it any more
   * @returns how many maps there were
   * @throws PciError `EINVAL` for no range, and for one that cuts a map in two; nothing is dropped then
   */
  unmap(start: bigint, size: bigint, before: () => void = () => undefined): number {
    const last = lastOf(start, size);
    const first = this.#firstAt(start);
    let end = first;
    while (end < this.#entries.length && this.#entries[end]!.start <= last) end++;
    const cut = [this.#entries[first], this.#entries[end - 1]].find(
      (entry) => end > first && entry !== undefined && (entry.start < start || entry.last > last),
    );
    if (cut !== undefined) {
      throw refusal("EINVAL", `${format({ start, last })} ends inside the map of ${format(cut)}`);
    }
    before();
    for (const entry of this.#entries.splice(first, end - first)) this.#drop(entry);
    return end - first;
  }

  /** Drops all maps. Harmless without any. */
  clear(): void {
    for (const entry of this.#entries.splice(0)) this.#drop(entry);
  }

  /** The map that holds an address. */
  find(iova: bigint): DmaEntry | undefined {
    const entry = this.#entries[this.#firstAt(iova)];
    return entry !== undefined && entry.start <= iova ? entry : undefined;
  }

  #mapFile({ size, writable, file }: DmaMapRequest): MappedPart | undefined {
    return file === undefined ? undefined : this.#files.map({ ...file, size, writable });
  }

  /** Lets the device reach the bytes of a map. */
  #enter({ start, readable, writable, part }: DmaEntry): void {
    if (part === undefined || !(readable || writable)) return;
    const direction = !writable ? "to-device" : readable ? "bidirectional" : "from-device";
    let iova = start;
    for (const { memory, offset, size } of part.pieces) {
      this.mapper.mapSync({ iova: toIova(iova), size, memory, offset, direction });
      iova += BigInt(size);
    }
  }

  #drop({ start, readable, writable, part }: DmaEntry): void {
    if (part === undefined) return;
    let iova = start;
    for (const { size } of readable || writable ? part.pieces : []) {
      this.mapper.unmapSync(iova, size);
      iova += BigInt(size);
    }
    part.release();
  }

  /** Where the first map is that ends at or after an address. */
  #firstAt(iova: bigint): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.last < iova) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The last address of a range. @throws PciError `EINVAL` for what is no range of whole pages in 64 bits */
function lastOf(start: bigint, size: bigint): bigint {
  const last = start + size - 1n;
  if (size > 0n && last <= MAX_IOVA && start % DMA_PAGE === 0n && size % DMA_PAGE === 0n) return last;
  throw refusal("EINVAL", `0x${size.toString(16)} bytes at 0x${start.toString(16)} are no pages of 64 bits`);
}

function isSame(one: DmaEntry, other: DmaEntry): boolean {
  return (
    one.start === other.start &&
    one.last === other.last &&
    one.readable === other.readable &&
    one.writable === other.writable &&
    one.part?.identity === other.part?.identity
  );
}

function format({ start, last }: { readonly start: bigint; readonly last: bigint }): string {
  return `0x${start.toString(16)}-0x${last.toString(16)}`;
}
