import { type DmaMemory, Failures, PciError } from "@userpci/interface";
import type { BarMemory, BarNumber, DeviceModel } from "../model.ts";
import { barNumbers } from "./function-description.ts";
import type { HostOptions, MappableMemory } from "./hosted-function.ts";

/** Where the bytes come from. */
type BarMemoryOptions = Pick<HostOptions, "memory" | "barMemory">;

/** One of a BAR's memories, with its bytes. */
export interface OwnedMemory {
  readonly area: BarMemory;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What drivers map, if they may. */
  readonly mapped?: DmaMemory;
}

/** The memories of all BARs: owned by the function until it is disposed of. */
export class BarMemories {
  readonly #name: string;
  readonly #byBar = new Map<BarNumber, readonly OwnedMemory[]>();

  /** @throws PciError what the source throws; nothing is left allocated then */
  constructor({ name, bars = {} }: DeviceModel, { memory, barMemory }: BarMemoryOptions) {
    this.#name = name;
    try {
      for (const number of barNumbers) {
        const made: OwnedMemory[] = [];
        this.#byBar.set(number, made);
        for (const area of bars[number]?.memory ?? [])
          made.push(
            allocate(
              area,
              () => barMemory?.(number, area) ?? memory.alloc(area.size, { label: `${name} BAR ${number}` }),
            ),
          );
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  of(bar: BarNumber): readonly OwnedMemory[] {
    return this.#byBar.get(bar) ?? [];
  }

  /** @throws PciError `ERR_OUT_OF_RANGE` */
  bytes(bar: BarNumber, index: number): Uint8Array<ArrayBuffer> {
    const memory = this.of(bar)[index];
    if (memory !== undefined) return memory.bytes;
    throw new PciError("ERR_OUT_OF_RANGE", `BAR ${bar} of ${this.#name} has no memory ${index}`, {
      hint: "count from 0 in `memory` of the BAR's model",
    });
  }

  /** What of a BAR drivers may map, in the order of offsets. */
  mappable(bar: BarNumber): readonly MappableMemory[] {
    return this.of(bar)
      .flatMap(({ area: { offset, size }, mapped }) =>
        mapped === undefined ? [] : [{ offset, size, memory: mapped }],
      )
      .sort((one, other) => one.offset - other.offset);
  }

  /** All of them, in the order of BARs. */
  *all(): Generator<OwnedMemory> {
    for (const memories of this.#byBar.values()) yield* memories;
  }

  /** Nothing of one user is left to the next (row R17). */
  clear(): void {
    for (const { bytes } of this.all()) bytes.fill(0);
  }

  /** @throws PciError `ERR_BUSY` for those that drivers still have mapped, once all others are closed */
  close(): void {
    const failures = new Failures();
    for (const { mapped } of this.all()) failures.try(() => mapped?.close());
    failures.throwIfAny(`${this.#name} is no longer hosted, but`);
  }
}

function allocate(area: BarMemory, map: () => DmaMemory): OwnedMemory {
  if (!area.mappable) return { area, bytes: new Uint8Array(area.size) };
  const mapped = map();
  return { area, mapped, bytes: new Uint8Array(mapped.buffer, mapped.byteOffset ?? 0, area.size) };
}
