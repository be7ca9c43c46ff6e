import type { OwnedRegion, Region } from "@userpci/interface";
import type { Recorder } from "./recorder.ts";
import type { MemoryEvent, TraceWidth } from "./trace-event.ts";

/** What a region needs of its device. */
export interface RegionTrace {
  readonly recorder: Recorder;
  readonly device: number;
  /** See `regionIndex`. */
  readonly region: number;
  readonly mapped: boolean;
  /** Notes what has changed in memory: before an access is noted, or as the answer to a write that has been. */
  noteMemory(kind?: MemoryEvent["kind"]): void;
}

/** A region that notes each access. */
export class RecordedRegion implements Region {
  readonly #inner: Region;
  readonly #trace: RegionTrace;

  constructor(inner: Region, trace: RegionTrace) {
    this.#inner = inner;
    this.#trace = trace;
  }

  get size(): number {
    return this.#inner.size;
  }

  read8(offset: number): number {
    return this.#read(1, offset, () => this.#inner.read8(offset));
  }

  read16(offset: number): number {
    return this.#read(2, offset, () => this.#inner.read16(offset));
  }

  read32(offset: number): number {
    return this.#read(4, offset, () => this.#inner.read32(offset));
  }

  read64(offset: number): bigint {
    return this.#read(8, offset, () => this.#inner.read64(offset));
  }

  write8(offset: number, value: number): void {
    this.#write(1, offset, value, () => this.#inner.write8(offset, value));
  }

  write16(offset: number, value: number): void {
    this.#write(2, offset, value, () => this.#inner.write16(offset, value));
  }

  write32(offset: number, value: number): void {
    this.#write(4, offset, value, () => this.#inner.write32(offset, value));
  }

  write64(offset: number, value: bigint): void {
    this.#write(8, offset, value, () => this.#inner.write64(offset, value));
  }

  #read<T extends number | bigint>(width: TraceWidth, offset: number, read: () => T): T {
    const value = this.#access(`read${8 * width}`, offset, read);
    const { recorder, device, region, mapped } = this.#trace;
    this.#trace.noteMemory();
    recorder.note(device, { kind: "read", region, mapped, width, offset, value });
    return value;
  }

  #write(width: TraceWidth, offset: number, value: number | bigint, write: () => void): void {
    // Before, so that what the device does about it comes after.
    this.#trace.noteMemory();
    this.#access(`write${8 * width}`, offset, write);
    const { recorder, device, region, mapped } = this.#trace;
    recorder.note(device, { kind: "write", region, mapped, width, offset, value: lowBits(width, value) });
    this.#trace.noteMemory("answer");
  }

  /** An access that is refused is a call that throws. */
  #access<T>(method: string, offset: number, access: () => T): T {
    try {
      return access();
    } catch (error) {
      const { recorder, device, region, mapped } = this.#trace;
      const refused = (): never => {
        throw error;
      };
      return recorder.call(
        device,
        method,
        [region, mapped, typeof offset === "number" ? offset : String(offset)],
        refused,
      );
    }
  }
}

/** What goes out of a value (`Region` in `@userpci/interface`). */
export function lowBits(width: TraceWidth, value: number | bigint): number | bigint {
  if (typeof value === "bigint") return BigInt.asUintN(64, value);
  return width === 4 ? value >>> 0 : value & (2 ** (8 * width) - 1);
}

/** A mapped region that notes each access. */
export class RecordedMapping extends RecordedRegion implements OwnedRegion {
  readonly #mapping: OwnedRegion;

  constructor(inner: OwnedRegion, trace: RegionTrace) {
    super(inner, trace);
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
