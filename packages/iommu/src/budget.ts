import { isPciError, type MappingBudget, PciError } from "@userpci/interface";

/** Part of the limit at which a domain warns. */
const WARN_AT = 0.8;
/** Part of that to which the use must fall before it warns again. */
const QUIET_AT = 0.75;
/** Where others map too, the limit is read anew after so many mappings, */
const READ_EVERY = 1000;
/** and after so great a part of those that are left until the warning, down to each one. */
const READ_AFTER = 1 / 8;

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
  /** Whether others may map into the same IOMMUs from the beginning; {@link Budget.share} tells it later. */
  readonly shared: boolean;
}

/** Counts mappings against what the mappers may hold (type1: `dma_entry_limit`, 65,535 by default). */
export class Budget implements MappingBudget {
  readonly #options: BudgetOptions;
  #used = 0;
  #known: BudgetLimit | undefined;
  #warned = false;
  #shared: boolean;
  /** How many there are when it is time to warn. */
  #warnFrom = Number.POSITIVE_INFINITY;
  /** The next mapping that makes so many is looked at more closely: each one where others map too. */
  #watchFrom = Number.POSITIVE_INFINITY;
  /** Mappings until the limit is read anew, where others map too. */
  #readIn = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#shared = options.shared;
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
    this.#warnFrom = this.#known === undefined ? Number.POSITIVE_INFINITY : this.#known.limit * WARN_AT;
    this.#watchFrom = this.#shared && this.#known !== undefined ? 0 : this.#warnFrom;
    this.#readIn = Math.min(READ_EVERY, (this.#warnFrom - this.#used) * READ_AFTER);
    this.#quieten();
  }

  /** From now on others may map into the same IOMMUs: the limit is read anew now and then. */
  share(): void {
    if (this.#shared) return;
    this.#shared = true;
    this.refresh();
  }

  /** Counts one more. @throws PciError `ERR_MAPPING_LIMIT`; it is not counted then */
  take(): void {
    if (this.#used + 1 >= this.#watchFrom) this.#watch();
    this.#used++;
  }

  /** Counts one less. */
  give(): void {
    this.#used--;
    if (this.#warned) this.#quieten();
  }

  /** Looks at what a mapper has said to a mapping: if that it holds all that it may, others have mapped too. */
  refused(error: unknown): void {
    if (!isPciError(error, "ERR_MAPPING_LIMIT")) return;
    this.refresh();
    if (this.#used >= this.#warnFrom) this.#warn(this.#used);
  }

  #watch(): void {
    if (this.#shared && --this.#readIn <= 0) this.refresh();
    if (this.#known !== undefined && this.#used >= this.#known.limit) {
      this.refresh();
      if (this.#known !== undefined && this.#used >= this.#known.limit) throw this.#exhausted(this.#known);
    }
    if (this.#used + 1 >= this.#warnFrom) this.#warn(this.#used + 1);
  }

  #warn(used: number): void {
    if (this.#warned) return;
    this.#warned = true;
    const { onLow } = this.#options;
    const low = { used, limit: this.limit };
    // Not in the middle of a call: what it throws shall not undo a mapping.
    if (onLow !== undefined) void Promise.resolve(low).then(onLow);
  }

  #quieten(): void {
    if (this.#used < this.#warnFrom * QUIET_AT) this.#warned = false;
  }

  #exhausted({ limit, mapper }: BudgetLimit): PciError {
    const others = this.#shared ? " beside those of others" : "";
    return new PciError(
      "ERR_MAPPING_LIMIT",
      `${mapper} holds ${this.#used} mappings, and may hold ${limit}${others}`,
      {
        hint: "map fewer and larger buffers, or many parts of one memory with { join: true }; for type1: modprobe vfio_iommu_type1 dma_entry_limit=N",
        details: { used: this.#used, limit },
      },
    );
  }
}
