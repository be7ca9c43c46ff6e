import type { DirtyLog, DmaMapper, Iova, MapperLimits, MapRequest } from "@userpci/interface";
import type { ReplayCursor } from "./replay-cursor.ts";
import {
  type MapEvent,
  type MemoryEvent,
  type OpenedDevice,
  rangesOf,
  type TraceEvent,
  type UnmapEvent,
} from "./trace-event.ts";

const PAGE = 4096;

/** Maps what was mapped, where it was, and lets the recorded bytes appear there. */
export class ReplayMapper implements DmaMapper {
  readonly name = "replay";
  readonly #cursor: ReplayCursor;
  readonly #device: number;
  readonly #limits: MapperLimits;
  readonly #mappings = new Map<Iova, MapRequest>();
  #abandoned = false;

  constructor(cursor: ReplayCursor, device: number, opened: OpenedDevice) {
    this.#cursor = cursor;
    this.#device = device;
    this.#limits = { ranges: rangesOf(opened), pageSize: opened.pageSize };
  }

  /** What a device wrote is not told from what the driver wrote, so that no page is said to be written. */
  readonly dirty: DirtyLog = {
    pageSize: PAGE,
    exact: true,
    start() {},
    stop() {},
    take: (_iova, size) => new Uint8Array(Math.ceil(size / PAGE / 8)),
  };

  limits(): MapperLimits {
    return this.#limits;
  }

  async map(request: MapRequest): Promise<void> {
    this.mapSync(request);
  }

  mapSync(request: MapRequest): void {
    const { iova, size, direction } = request;
    this.#cursor.take(
      `map 0x${iova.toString(16)} for ${size} bytes, ${direction}`,
      (event): event is TraceEvent & MapEvent =>
        event.kind === "map" &&
        event.device === this.#device &&
        event.iova === iova &&
        event.size === size &&
        event.direction === direction,
    );
    this.#mappings.set(iova, request);
    this.#cursor.goOn();
  }

  async unmap(iova: Iova, size: number): Promise<void> {
    this.unmapSync(iova, size);
  }

  unmapSync(iova: Iova, size: number): void {
    if (this.#abandoned) return;
    this.#cursor.take(
      `unmap 0x${iova.toString(16)} for ${size} bytes`,
      (event): event is TraceEvent & UnmapEvent =>
        event.kind === "unmap" && event.device === this.#device && event.iova === iova && event.size === size,
    );
    this.#mappings.delete(iova);
    this.#cursor.goOn();
  }

  /** Lets what is mapped be unmapped without a look at the recording. */
  abandon(): void {
    this.#abandoned = true;
    this.#mappings.clear();
  }

  /** Bytes of the recording appear in memory. */
  write({ iova, bytes }: MemoryEvent): void {
    for (const mapping of this.#mappings.values()) {
      const inside = iova - mapping.iova;
      if (inside < 0n || inside + BigInt(bytes.length) > BigInt(mapping.size)) continue;
      const { buffer, byteOffset = 0 } = mapping.memory;
      const start = byteOffset + mapping.offset + Number(inside);
      if (start + bytes.length <= buffer.byteLength) new Uint8Array(buffer).set(bytes, start);
    }
  }

  close(): void {
    this.#mappings.clear();
  }
}
