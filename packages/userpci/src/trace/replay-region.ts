import { accessError, type OwnedRegion, PciError, valueError } from "@userpci/interface";
import { lowBits } from "./recorded-region.ts";
import type { ReplayCursor } from "./replay-cursor.ts";
import type { AccessEvent, TraceEvent, TraceWidth } from "./trace-event.ts";

/** Which region of which device a {@link ReplayRegion} stands for. */
export interface ReplayPlace {
  readonly device: number;
  readonly region: number;
  readonly mapped: boolean;
  readonly size: number;
}

/** A region that answers as it did when it was recorded. */
export class ReplayRegion implements OwnedRegion {
  readonly #cursor: ReplayCursor;
  readonly #place: ReplayPlace;
  #closed = false;

  constructor(cursor: ReplayCursor, place: ReplayPlace) {
    this.#cursor = cursor;
    this.#place = place;
  }

  get size(): number {
    return this.#place.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  read8(offset: number): number {
    return this.#read(1, offset) as number;
  }

  read16(offset: number): number {
    return this.#read(2, offset) as number;
  }

  read32(offset: number): number {
    return this.#read(4, offset) as number;
  }

  read64(offset: number): bigint {
    return this.#read(8, offset) as bigint;
  }

  write8(offset: number, value: number): void {
    this.#write(1, offset, value);
  }

  write16(offset: number, value: number): void {
    this.#write(2, offset, value);
  }

  write32(offset: number, value: number): void {
    this.#write(4, offset, value);
  }

  write64(offset: number, value: bigint): void {
    this.#write(8, offset, value);
  }

  close(): void {
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read(width: TraceWidth, offset: number): number | bigint {
    this.#checkRefusal(`read${8 * width}`, width, offset);
    return this.#take("read", width, offset, undefined).value;
  }

  #write(width: TraceWidth, offset: number, value: number | bigint): void {
    this.#checkRefusal(`write${8 * width}`, width, offset, value);
    this.#take("write", width, offset, lowBits(width, value));
  }

  #take(
    kind: "read" | "write",
    width: TraceWidth,
    offset: number,
    value: number | bigint | undefined,
  ): AccessEvent {
    const { device, region, mapped } = this.#place;
    const what = `${kind} ${8 * width} of region ${region} at 0x${offset.toString(16)}${value === undefined ? "" : ` of 0x${value.toString(16)}`}`;
    const event = this.#cursor.take(
      what,
      (next): next is TraceEvent & AccessEvent =>
        next.kind === kind &&
        next.device === device &&
        next.region === region &&
        next.mapped === mapped &&
        next.width === width &&
        next.offset === offset &&
        (value === undefined || next.value === value),
    );
    this.#cursor.goOn();
    return event;
  }

  /** Throws what was thrown, and what a region throws at any time. */
  #checkRefusal(method: string, width: TraceWidth, offset: number, value?: number | bigint): void {
    const { device, region, mapped, size } = this.#place;
    const place = typeof offset === "number" ? offset : String(offset);
    const refusal = this.#cursor.refusal(device, method, [region, mapped, place]);
    if (refusal !== undefined) throw refusal;
    const name = `region ${region}`;
    if (this.#closed) throw new PciError("ERR_CLOSED", `${name} is unmapped`, { hint: "map it again" });
    const error =
      accessError(name, size, offset, width) ??
      (value === undefined ? undefined : valueError(name, offset, width, value));
    if (error !== undefined) throw error;
  }
}
