import type { DmaDirection, Iova, MappingLife } from "@userpci/interface";

/** What is remembered of a mapping: not its memory, which may be collected. */
export interface Mapped {
  readonly iova: Iova;
  readonly size: number;
  readonly direction: DmaDirection;
  readonly label: string | undefined;
  readonly owner?: string | undefined;
}

/** One place of the ring; filled in again and again, so that an unmapping allocates nothing. */
interface Past {
  iova: Iova;
  size: number;
  direction: DmaDirection;
  label: string | undefined;
  owner: string | undefined;
  unmapped: number;
}

/** A clock that cannot be set: every place where this package runs has one. */
const { performance } = globalThis as unknown as { performance: { now(): number } };

/** The last mappings that were undone, and when. */
export class MappingHistory {
  readonly #ring: Past[] = [];
  readonly #most: number;
  readonly #now: () => number;
  #next = 0;

  /**
   * @param most how many are remembered
   * @param now milliseconds
   */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most;
    this.#now = now;
  }

  /** How many are remembered. */
  get length(): number {
    return this.#ring.length;
  }

  /** Notes that a mapping has been undone. */
  add({ iova, size, direction, label, owner }: Mapped): void {
    if (this.#most === 0) return;
    const unmapped = this.#now();
    if (this.#ring.length < this.#most) {
      this.#ring.push({ iova, size, direction, label, owner, unmapped });
      return;
    }
    const past = this.#ring[this.#next]!;
    this.#next = this.#next + 1 === this.#most ? 0 : this.#next + 1;
    past.iova = iova;
    past.size = size;
    past.direction = direction;
    past.label = label;
    past.owner = owner;
    past.unmapped = unmapped;
  }

  /** What had an address, youngest first. */
  at(address: bigint): MappingLife[] {
    const now = this.#now();
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)]
      .filter(({ iova, size }) => iova <= address && address < iova + BigInt(size))
      .reverse()
      .map(({ unmapped, ...life }) => ({ ...life, unmappedMsAgo: now - unmapped }));
  }
}

/** A live mapping, as it is reported. */
export function lifeOf({ iova, size, direction, label, owner }: Mapped): MappingLife {
  return { iova, size, direction, label, owner, unmappedMsAgo: undefined };
}
