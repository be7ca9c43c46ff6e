import { type MappingBudget, PciError } from "@userpci/interface";

/** Part of the limit at which a domain warns. */
const WARN_AT = 0.8;
/** Part of that to which the use must fall before it warns again. */
const QUIET_AT = 0.75;

/** The mapper that may hold the fewest mappings, and how many. */
export interface BudgetLimit {
  readonly limit: number;
  readonly mapper: string;
}

/** How a {@link Budget} is made. */
export interface BudgetOptions {
  /** What the mappers say now, or undefined if none of them counts. */
  readonly read: () => BudgetLimit | undefined;
  /** Told once when four fifths are used, and again after the use has fallen well below. */
  readonly onLow: ((budget: MappingBudget) => void) | undefined;
}

/** Counts mappings against what the mappers may hold (type1: `dma_entry_limit`, 65,535 by default). */
export class Budget implements MappingBudget {
  readonly #options: BudgetOptions;
  #used = 0;
  #known: BudgetLimit | undefined;
  #warned = false;
  /** The next mapping past this many is looked at more closely. */
  #watchFrom = Number.POSITIVE_INFINITY;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  get used(): number {
    return this.#used;
  }

  get limit(): number | undefined {
    return this.#known?.limit;
  }

  /** Reads the limit anew: mappers have come, or others map into the same IOMMU. */
  refresh(): void {
    this.#known = this.#options.read();
    this.#watchFrom = this.#known === undefined ? Number.POSITIVE_INFINITY : this.#known.limit * WARN_AT;
  }

  /** Counts one more. @throws PciError `ERR_MAPPING_LIMIT`; it is not counted then */
  take(): void {
    if (this.#used + 1 >= this.#watchFrom) this.#watch();
    this.#used++;
  }

  /** Counts one less. */
  give(): void {
    this.#used--;
    if (this.#warned && this.#used < this.#watchFrom * QUIET_AT) this.#warned = false;
  }

  #watch(): void {
    if (this.#known !== undefined && this.#used >= this.#known.limit) {
      this.refresh();
      if (this.#known !== undefined && this.#used >= this.#known.limit) throw this.#exhausted(this.#known);
    }
    if (this.#warned) return;
    this.#warned = true;
    const { onLow } = this.#options;
    const low = { used: this.#used + 1, limit: this.limit };
    // Not in the middle of a call: what it throws shall not undo a mapping.
    if (onLow !== undefined) void Promise.resolve(low).then(onLow);
  }

  #exhausted({ limit, mapper }: BudgetLimit): PciError {
    return new PciError(
      "ERR_MAPPING_LIMIT",
      `${mapper} holds ${this.#used} mappings, and may hold ${limit}`,
      {
        hint: "map fewer and larger buffers, or many parts of one memory with { join: true }; for type1: modprobe vfio_iommu_type1 dma_entry_limit=N",
        details: { used: this.#used, limit },
      },
    );
  }
}
