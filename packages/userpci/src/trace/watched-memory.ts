import type { DirtyLog, DmaMapper, Iova, MapperLimits, MapRequest } from "@userpci/interface";
import { MAX_IOVA } from "@userpci/interface";
import type { MemoryEvent, TraceContent } from "./trace-event.ts";

/** Bytes that are compared at once; a change is noted to the byte within. */
const BLOCK = 4096;

/** A mapping and what it held when it was last looked at. */
interface Watched {
  readonly request: MapRequest;
  readonly former: Buffer;
}

/**
 * A mapper beside a device's own: it sees what a domain maps, and finds out which bytes of it have changed. It maps nothing
 * itself, and allows whatever the others do.
 */
export class WatchedMemory implements DmaMapper {
  readonly name = "recording";
  readonly #note: (content: TraceContent) => void;
  readonly #compare: boolean;
  readonly #mappings = new Map<Iova, Watched>();

  /** @param compare whether bytes that change are noted */
  constructor(note: (content: TraceContent) => void, compare: boolean) {
    this.#note = note;
    this.#compare = compare;
  }

  /** Its own device writes nothing, so that there is nothing to tell beside what the others note. */
  readonly dirty: DirtyLog = {
    pageSize: BLOCK,
    exact: true,
    start() {},
    stop() {},
    take: (_iova, size) => new Uint8Array(Math.ceil(size / BLOCK / 8)),
  };

  limits(): MapperLimits {
    return { ranges: [{ start: 0n, last: MAX_IOVA }], pageSize: BLOCK };
  }

  async map(request: MapRequest): Promise<void> {
    this.mapSync(request);
  }

  mapSync(request: MapRequest): void {
    const { iova, size, direction } = request;
    this.#note({ kind: "map", iova, size, direction });
    // What a device cannot write does not change behind the driver's back.
    if (!this.#compare || direction === "to-device") return;
    this.#mappings.set(iova, { request, former: Buffer.from(bytesOf(request)) });
  }

  async unmap(iova: Iova, size: number): Promise<void> {
    this.unmapSync(iova, size);
  }

  unmapSync(iova: Iova, size: number): void {
    const watched = this.#mappings.get(iova);
    if (watched !== undefined) this.#compareOne(watched, "memory");
    this.#mappings.delete(iova);
    this.#note({ kind: "unmap", iova, size });
  }

  /** Notes every byte that has changed since it was last looked at. */
  noteChanges(kind: MemoryEvent["kind"] = "memory"): void {
    for (const watched of this.#mappings.values()) this.#compareOne(watched, kind);
  }

  close(): void {
    this.#mappings.clear();
  }

  #compareOne({ request, former }: Watched, kind: MemoryEvent["kind"]): void {
    const bytes = bytesOf(request);
    // Memory whose buffer is gone has no bytes any more.
    if (bytes.length !== former.length) return;
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const block = bytes.subarray(at, at + BLOCK);
      if (former.compare(block, 0, block.length, at, at + block.length) === 0) continue;
      const [first, end] = changedSpan(block, former.subarray(at));
      const changed = block.slice(first, end);
      former.set(changed, at + first);
      this.#note({ kind, iova: request.iova + BigInt(at + first), bytes: changed });
    }
  }
}

function bytesOf({ memory, offset, size }: MapRequest): Uint8Array {
  const { buffer, byteOffset = 0 } = memory;
  const start = byteOffset + offset;
  const isThere = start >= 0 && start + size <= buffer.byteLength;
  return isThere ? new Uint8Array(buffer, start, size) : new Uint8Array(0);
}

function changedSpan(block: Uint8Array, former: Uint8Array): [first: number, end: number] {
  let first = 0;
  while (block[first] === former[first]) first += 1;
  let end = block.length;
  while (block[end - 1] === former[end - 1]) end -= 1;
  return [first, end];
}
