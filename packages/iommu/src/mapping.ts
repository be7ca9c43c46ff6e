import {
  type DmaDirection,
  type DmaMapper,
  type DmaMapping,
  type DmaMemory,
  type Iova,
  type MapRequest,
  PciError,
} from "@userpci/interface";
import type { JoinedMemory } from "./join.ts";
import { Listeners } from "./listeners.ts";
import { formatRange } from "./ranges.ts";
import type { MappingPlan } from "./request.ts";

/** What a mapping needs of its domain. */
export interface MappingHost {
  /** In the order in which they joined; one is never taken out while mappings live. */
  readonly mappers: readonly DmaMapper[];
  /** Called when no device can see it any more. */
  gone(mapping: Mapping): void;
  /** Called when a mapper has refused one, and it was taken back from the others. */
  refused(error: unknown): void;
  /** Has the domain wait for `work` before it gives up its mappers. */
  track<R>(work: Promise<R>): Promise<R>;
}

/** `entering` until all mappers have it; `stuck` when one would not let it go. */
type MappingState = "entering" | "live" | "leaving" | "stuck" | "closed";

/**
 * Memory at an address, in the first {@link #present} mappers of its domain. Mappers are only ever appended, so a count
 * says which have it, also while a mapper joins in the middle of an asynchronous call.
 */
export class Mapping implements DmaMapping, MapRequest {
  readonly memory: DmaMemory;
  readonly offset: number;
  readonly size: number;
  readonly direction: DmaDirection;
  readonly label: string | undefined;
  readonly owner: string | undefined;
  /** The parts that share it, if it was made for parts. */
  joined: JoinedMemory | undefined;
  readonly #host: MappingHost;
  #iova = 0n as Iova;
  #state: MappingState = "entering";
  #present = 0;
  #leaving: Promise<void> | undefined;
  /** Made for the first: most mappings have none. */
  #listeners: Listeners | undefined;

  constructor(host: MappingHost, plan: MappingPlan) {
    this.#host = host;
    this.memory = plan.memory;
    this.offset = plan.offset;
    this.size = plan.size;
    this.direction = plan.direction;
    this.label = plan.label;
    this.owner = plan.owner;
  }

  get iova(): Iova {
    return this.#iova;
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Whether all mappers of the domain have it. */
  get live(): boolean {
    return this.#state === "live";
  }

  /** Whether a device may see it, and its user may unmap it. */
  get visible(): boolean {
    return this.#state !== "entering" && this.#state !== "closed";
  }

  /** Whether a call of {@link unmap} is under way. */
  get leaving(): boolean {
    return this.#leaving !== undefined;
  }

  onClosed(listener: () => void): void {
    this.#listeners ??= new Listeners();
    if (this.closed) listener();
    else this.#listeners.add(listener);
  }

  /** Sets the address that was chosen; once, before anything else. */
  place(iova: Iova): void {
    this.#iova = iova;
  }

  /** Goes into all mappers, those included that join meanwhile; into none if one refuses. */
  async enter(): Promise<void> {
    const { mappers } = this.#host;
    try {
      for (; this.#present < mappers.length; this.#present++) await mappers[this.#present]!.map(this);
    } catch (error) {
      const refused = mappers[this.#present]!;
      throw await this.unmap().then(
        () => {
          this.#host.refused(error);
          return error;
        },
        (stuck: unknown) => stuckError(this, refused, error, stuck),
      );
    }
    this.#state = "live";
  }

  /** {@link enter} on this thread. */
  enterSync(): void {
    const { mappers } = this.#host;
    try {
      for (; this.#present < mappers.length; this.#present++) mappers[this.#present]!.mapSync(this);
    } catch (error) {
      const refused = mappers[this.#present]!;
      try {
        this.#leaveSync();
      } catch (stuck) {
        throw stuckError(this, refused, error, stuck);
      }
      this.#host.refused(error);
      throw error;
    }
    this.#state = "live";
  }

  /** Notes that a mapper that has just joined has it too. */
  replayed(): void {
    this.#present++;
  }

  unmap(): Promise<void> {
    if (this.#state === "closed") return Promise.resolve();
    this.#leaving ??= this.#host.track(this.#leave()).finally(() => {
      this.#leaving = undefined;
    });
    return this.#leaving;
  }

  unmapSync(): void {
    if (this.#state === "closed") return;
    if (this.#leaving !== undefined) {
      throw new PciError("ERR_BUSY", `${describeMapping(this)} is being unmapped by a call of unmap()`, {
        hint: "await that call's promise",
      });
    }
    this.#leaveSync();
  }

  /** Notes that the mappers are gone, and all that was in them. */
  forget(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#host.gone(this);
    this.#listeners?.tell();
  }

  [Symbol.dispose](): void {
    this.unmapSync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unmap();
  }

  async #leave(): Promise<void> {
    const { mappers } = this.#host;
    this.#state = "leaving";
    try {
      for (; this.#present > 0; this.#present--) {
        await mappers[this.#present - 1]!.unmap(this.#iova, this.size);
      }
    } catch (error) {
      this.#state = "stuck";
      throw error;
    }
    this.forget();
  }

  #leaveSync(): void {
    const { mappers } = this.#host;
    this.#state = "stuck";
    for (; this.#present > 0; this.#present--) mappers[this.#present - 1]!.unmapSync(this.#iova, this.size);
    this.forget();
  }
}

/** `"rx ring"`, or `a mapping without label`, with its range. */
export function describeMapping(mapping: Pick<Mapping, "label" | "iova" | "size">): string {
  const last = mapping.iova + BigInt(mapping.size) - 1n;
  return `${nameMapping(mapping)} at ${formatRange({ start: mapping.iova, last })}`;
}

/** `"rx ring"`, or `a mapping without label`. */
export function nameMapping(mapping: Pick<Mapping, "label">): string {
  return mapping.label === undefined ? "a mapping without label" : `"${mapping.label}"`;
}

/** For one that was being made when its domain, by that name, was closed. */
export function closedMeanwhile(mapping: Mapping, domain: string): PciError {
  return new PciError("ERR_CLOSED", `${domain} was closed while ${describeMapping(mapping)} was being made`, {
    hint: "await map() before close(): what it was making is undone",
  });
}

function stuckError(mapping: Mapping, refused: DmaMapper, error: unknown, stuck: unknown): PciError {
  return new PciError(
    "ERR_BUSY",
    `${refused.name} refused ${describeMapping(mapping)}, and it could not be taken back from the others: ` +
      `${String(stuck)}; it stays in the domain with its memory until it can be unmapped`,
    {
      hint: "unmap it through domain.mappings(), or close the domain",
      cause: new AggregateError([error, stuck], "map and its roll-back both failed"),
    },
  );
}
