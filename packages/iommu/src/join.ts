import {
  type DmaDirection,
  type DmaMapping,
  type DmaMemory,
  type Iova,
  isPciError,
} from "@userpci/interface";
import { Listeners } from "./listeners.ts";
import type { Mapping } from "./mapping.ts";
import { UNIT } from "./pages.ts";
import { RangeMap } from "./range-map.ts";
import type { MappingPlan } from "./request.ts";

/** What joined mappings need of their domain. */
export interface JoinHost {
  readonly pageSize: number;
  /** Maps memory by itself. */
  mapWhole(plan: MappingPlan): Promise<Mapping>;
  mapWholeSync(plan: MappingPlan): Mapping;
  /** Called when a part is not mapped any more for its user. */
  dropped(part: MappingPart): void;
}

/** Why a part has to be mapped by itself when the whole memory cannot be. */
const SMALLER_MAY_DO = ["ERR_IOVA_RANGE", "ERR_IOVA_OVERLAP", "ERR_IOVA_EXHAUSTED", "ERR_MEMLOCK"];

/** A part of memory that is mapped as a whole. */
export class MappingPart implements DmaMapping {
  readonly memory: DmaMemory;
  readonly offset: number;
  readonly size: number;
  readonly direction: DmaDirection;
  readonly label: string | undefined;
  readonly owner: string | undefined;
  readonly iova: Iova;
  readonly #whole: JoinedMemory;
  readonly #listeners = new Listeners();
  #dropped = false;

  /** @internal */
  constructor(whole: JoinedMemory, plan: MappingPlan) {
    this.memory = plan.memory;
    this.offset = plan.offset;
    this.size = plan.size;
    this.direction = plan.direction;
    this.label = plan.label;
    this.owner = plan.owner;
    this.iova = (whole.mapping.iova + BigInt(plan.offset)) as Iova;
    this.#whole = whole;
  }

  get closed(): boolean {
    return this.#dropped || this.#whole.mapping.closed;
  }

  onClosed(listener: () => void): void {
    if (this.closed) listener();
    else this.#listeners.add(listener);
  }

  /** @internal For the whole, which has gone. */
  tell(): void {
    this.#listeners.tell();
  }

  async unmap(): Promise<void> {
    if (this.closed) return;
    if (this.#whole.count === 1) await this.#whole.mapping.unmap();
    this.#drop();
  }

  unmapSync(): void {
    if (this.closed) return;
    if (this.#whole.count === 1) this.#whole.mapping.unmapSync();
    this.#drop();
  }

  [Symbol.dispose](): void {
    this.unmapSync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unmap();
  }

  #drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#whole.remove(this);
    this.tell();
  }
}

/** Memory that is mapped once for all of its parts, as long as there are any. */
export class JoinedMemory {
  readonly mapping: Mapping;
  readonly #parts = new RangeMap<MappingPart>();
  readonly #onRemove: (part: MappingPart) => void;

  constructor(mapping: Mapping, onRemove: (part: MappingPart) => void) {
    this.mapping = mapping;
    this.#onRemove = onRemove;
    mapping.joined = this;
    mapping.onClosed(() => {
      for (const part of this.parts()) part.tell();
    });
  }

  get count(): number {
    return this.#parts.size;
  }

  /** The part that has a byte of the memory. */
  find(offset: number): MappingPart | undefined {
    return this.#parts.find(Math.floor(offset / UNIT))?.value;
  }

  /** By ascending address. */
  *parts(): Generator<MappingPart, void> {
    for (const { value } of this.#parts) yield value;
  }

  /** Adds a part, unless it meets another or lies where it must not. */
  add(plan: MappingPlan): MappingPart | undefined {
    const { mapping } = this;
    const { addressBits, iova, alignment = UNIT } = plan;
    const [first, end] = [plan.offset / UNIT, (plan.offset + plan.size) / UNIT];
    if (!mapping.live || mapping.leaving || this.#parts.overlap(first, end) !== undefined) return undefined;
    const part = new MappingPart(this, plan);
    const tooWide = (part.iova + BigInt(part.size) - 1n) >> BigInt(addressBits) !== 0n;
    const elsewhere = iova !== undefined && iova !== part.iova;
    if (tooWide || elsewhere || part.iova % BigInt(alignment) !== 0n) return undefined;
    this.#parts.insert(first, end, part);
    return part;
  }

  remove(part: MappingPart): void {
    this.#parts.delete(part.offset / UNIT);
    this.#onRemove(part);
  }
}

type Whole = JoinedMemory | undefined;

/** Finds the whole for a part, and maps it if it is the first. A part for which there can be none is mapped by itself. */
export class Joiner {
  readonly #host: JoinHost;
  readonly #wholes = new Map<DmaMemory, Map<DmaDirection, JoinedMemory>>();
  readonly #underWay = new Map<DmaMemory, Map<DmaDirection, Promise<Whole>>>();

  constructor(host: JoinHost) {
    this.#host = host;
  }

  /** @returns undefined if the part has to be mapped by itself */
  async map(plan: MappingPlan): Promise<DmaMapping | undefined> {
    const whole = this.#known(plan) ?? (await this.#make(plan));
    return whole?.add(plan);
  }

  /** {@link map} on this thread. */
  mapSync(plan: MappingPlan): DmaMapping | undefined {
    const known = this.#known(plan);
    if (known !== undefined) return known.add(plan);
    const wanted = this.#wholeOf(plan);
    if (wanted === undefined || this.#underWay.get(plan.memory)?.has(plan.direction)) return undefined;
    try {
      return this.#keep(this.#host.mapWholeSync(wanted)).add(plan);
    } catch (error) {
      if (mayBeSmaller(error)) return undefined;
      throw error;
    }
  }

  #known({ memory, direction }: MappingPlan): Whole {
    return this.#wholes.get(memory)?.get(direction);
  }

  #make(plan: MappingPlan): Promise<Whole> {
    const { memory, direction } = plan;
    const started = this.#underWay.get(memory)?.get(direction);
    if (started !== undefined) return started;
    const wanted = this.#wholeOf(plan);
    if (wanted === undefined) return Promise.resolve(undefined);
    const making = this.#host
      .mapWhole(wanted)
      .then(
        (mapping) => this.#keep(mapping),
        (error: unknown) => {
          if (mayBeSmaller(error)) return undefined;
          throw error;
        },
      )
      .finally(() => removeFrom(this.#underWay, memory, direction));
    addTo(this.#underWay, memory, direction, making);
    return making;
  }

  /** How the whole is to be mapped so that the part gets what it asks for; undefined if it cannot be. */
  #wholeOf(plan: MappingPlan): MappingPlan | undefined {
    const { memory, offset, iova, alignment } = plan;
    const { size } = memory;
    if (size % this.#host.pageSize !== 0) return undefined;
    if (alignment !== undefined && offset % alignment !== 0) return undefined;
    if (iova !== undefined && iova < BigInt(offset)) return undefined;
    const first = iova === undefined ? undefined : ((iova - BigInt(offset)) as Iova);
    return { ...plan, offset: 0, size, iova: first };
  }

  #keep(mapping: Mapping): JoinedMemory {
    const { memory, direction } = mapping;
    const whole = new JoinedMemory(mapping, (part) => {
      if (whole.count === 0) removeFrom(this.#wholes, memory, direction);
      this.#host.dropped(part);
    });
    addTo(this.#wholes, memory, direction, whole);
    return whole;
  }
}

function mayBeSmaller(error: unknown): boolean {
  return isPciError(error) && SMALLER_MAY_DO.includes(error.code);
}

function addTo<V>(
  map: Map<DmaMemory, Map<DmaDirection, V>>,
  memory: DmaMemory,
  direction: DmaDirection,
  value: V,
): void {
  const inner = map.get(memory) ?? new Map<DmaDirection, V>();
  map.set(memory, inner.set(direction, value));
}

function removeFrom<V>(
  map: Map<DmaMemory, Map<DmaDirection, V>>,
  memory: DmaMemory,
  direction: DmaDirection,
): void {
  const inner = map.get(memory);
  inner?.delete(direction);
  if (inner?.size === 0) map.delete(memory);
}
