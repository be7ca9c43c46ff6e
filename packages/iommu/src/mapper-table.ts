import {
  checkInteger,
  checkPowerOfTwo,
  checkType,
  type DmaMapper,
  Failures,
  type Iova,
  type IovaRange,
  MAX_IOVA,
  type MapperLimits,
  PciError,
} from "@userpci/interface";
import { joinError, noCommonRange } from "./attachment.ts";
import type { BudgetLimit } from "./budget.ts";
import { describeMapping, type Mapping } from "./mapping.ts";
import { hex, LARGEST_PAGE, UNIT } from "./pages.ts";
import { intersectRanges, normaliseRanges } from "./ranges.ts";

/** What a domain has, when a mapper joins. */
export interface JoiningTable {
  /** Name of the domain for messages. */
  readonly name: string;
  readonly ranges: readonly IovaRange[];
  setRanges(ranges: readonly IovaRange[]): void;
  /** All that is in the table, whatever its state. */
  mappings(): readonly Mapping[];
  /** Does what puts the mappings into a mapper, so that no write of its devices is missed. */
  whileJoining(mapper: DmaMapper, join: () => void): void;
}

/** The mappers of a domain, in the order in which they joined, and what all of them allow. */
export class MapperTable {
  readonly mappers: DmaMapper[] = [];
  readonly #limits = new Map<DmaMapper, MapperLimits>();
  readonly #allowed: readonly IovaRange[];
  #pageSize = UNIT;

  /** @param allowed the addresses that the domain may use of those that its mappers allow */
  constructor(allowed: readonly IovaRange[] = [{ start: 0n, last: MAX_IOVA }]) {
    this.#allowed = allowed;
  }

  /** Smallest page of all mappers, in bytes. */
  get pageSize(): number {
    return this.#pageSize;
  }

  /** Takes a mapper in, with the whole table in it, or throws and leaves all as it was. */
  join(mapper: DmaMapper, device: string, table: JoiningTable): void {
    const limits = limitsOf(mapper);
    const all = [...new Map(this.#limits).set(mapper, limits).values()];
    const ranges = all.map((each) => each.ranges).reduce(intersectRanges, this.#allowed);
    const pageSize = Math.max(UNIT, ...all.map((each) => each.pageSize));
    const before = table.ranges;
    try {
      checkPageSize(pageSize, table.mappings());
      if (ranges.length === 0)
        throw noCommonRange(this.#limits.size === 0 ? this.#allowed : before, limits.ranges);
      table.setRanges(ranges);
      table.whileJoining(mapper, () => {
        if (!this.#limits.has(mapper)) this.#replay(mapper, table.mappings());
      });
    } catch (error) {
      table.setRanges(before);
      throw joinError(device, table.name, error);
    }
    this.#limits.set(mapper, limits);
    this.#pageSize = pageSize;
  }

  /**
   * The mapper that may hold the fewest mappings, as it says now. One that is lost does not say; nor can it map.
   *
   * @param used how many it has of this domain
   */
  budget(used: number): BudgetLimit | undefined {
    let fewest: BudgetLimit | undefined;
    for (const mapper of this.mappers) {
      const mappingsLeft = mappingsLeftIn(mapper);
      if (mappingsLeft === undefined || mappingsLeft + used >= (fewest?.limit ?? Infinity)) continue;
      fewest = { limit: mappingsLeft + used, mapper: mapper.name };
    }
    return fewest;
  }

  /** Takes what another process has mapped at these addresses out of all mappers. @throws PciError if one would not let go */
  sweep({ iova, size }: { readonly iova: Iova; readonly size: number }): void {
    for (const mapper of this.mappers) mapper.sweepSync?.(iova, size);
  }

  /** Puts the live mappings into a mapper that is new, or none of them. */
  #replay(mapper: DmaMapper, mappings: readonly Mapping[]): void {
    const live = mappings.filter((mapping) => mapping.live);
    const done: Mapping[] = [];
    try {
      for (const mapping of live) {
        mapper.mapSync(mapping);
        done.push(mapping);
      }
    } catch (error) {
      const failures = new Failures();
      failures.try(() => {
        throw error;
      });
      for (const mapping of done.reverse()) {
        failures.try(() => mapper.unmapSync(mapping.iova, mapping.size));
      }
      failures.throwIfAny(`${mapper.name} refused a mapping:`);
    }
    this.mappers.push(mapper);
    for (const mapping of live) mapping.replayed();
  }
}

function mappingsLeftIn(mapper: DmaMapper): number | undefined {
  try {
    const { mappingsLeft } = mapper.limits();
    return Number.isSafeInteger(mappingsLeft) ? mappingsLeft : undefined;
  } catch {
    return undefined;
  }
}

/** What a mapper says now, of which nothing is believed: it may be a peer's answer. @throws PciError `ERR_INVALID_ARGUMENT` */
function limitsOf(mapper: DmaMapper): MapperLimits {
  const limits = mapper.limits();
  checkType(`limits of ${mapper.name}`, limits, "object");
  const { ranges, pageSize, mappingsLeft } = limits;
  checkPowerOfTwo(`pageSize of ${mapper.name}`, pageSize, LARGEST_PAGE);
  if (mappingsLeft !== undefined) {
    checkInteger(`mappingsLeft of ${mapper.name}`, mappingsLeft, 0, Number.MAX_SAFE_INTEGER);
  }
  return { ranges: normaliseRanges(ranges), pageSize, ...(mappingsLeft !== undefined && { mappingsLeft }) };
}

function checkPageSize(pageSize: number, mappings: readonly Mapping[]): void {
  for (const mapping of mappings) {
    const { size, offset, iova } = mapping;
    if (size % pageSize === 0 && offset % pageSize === 0 && iova % BigInt(pageSize) === 0n) continue;
    throw new PciError(
      "ERR_MISALIGNED",
      `${describeMapping(mapping)} does not consist of pages of ${hex(pageSize)} bytes`,
      { hint: "open the device into a domain of its own, or unmap that first" },
    );
  }
}
