import { type IovaRange, type MapRequest, memlockError, PciError } from "@userpci/interface";
import { MemoryMapper } from "@userpci/iommu";
import type { FunctionFaults } from "./faults/plan.ts";

/**
 * What an IOMMU on x86 translates: 48 bits, and not the window of interrupts (Intel VT-d specification, section 3.14; what a
 * container or an IOAS reports). A driver that runs here so meets the addresses that it will meet there.
 */
const RANGES: readonly IovaRange[] = [
  { start: 0n, last: 0xfedf_ffffn },
  { start: 0xfef0_0000n, last: 2n ** 48n - 1n },
];

/** As type1 has it by default (`dma_entry_limit` of `vfio_iommu_type1`). */
const MOST_MAPPINGS = 65_535;

/** What a fault says is pinned, in bytes: Linux's default of `RLIMIT_MEMLOCK` since 5.16 (`MLOCK_LIMIT`). */
const PINNED = 8 * 2 ** 20;

/** In front of what it is. */
interface MapperPlace {
  readonly address: string;
  readonly faults: FunctionFaults | undefined;
}

/** The IOMMU in front of one emulated function, in one domain. */
export class EmulatedMapper extends MemoryMapper {
  readonly #faults: FunctionFaults | undefined;

  constructor({ address, faults }: MapperPlace) {
    super({ name: `the IOMMU of ${address}`, ranges: RANGES, maxMappings: MOST_MAPPINGS });
    this.#faults = faults;
  }

  override mapSync(request: MapRequest): void {
    for (const due of this.#faults?.next("map") ?? []) {
      this.#faults!.happened(due);
      throw due.fault === "noPins" ? this.#memlock(request) : this.#busy(request);
    }
    super.mapSync(request);
  }

  /** As the kernel's backends say it where all is pinned that may be. */
  #memlock({ iova, size }: MapRequest): PciError {
    const what = `mapping ${size} bytes at IOVA 0x${iova.toString(16)}`;
    return memlockError(what, size, { scope: "process", used: PINNED, limit: PINNED, exempt: false });
  }

  #busy({ iova, size }: MapRequest): PciError {
    return new PciError("EBUSY", `mapping ${size} bytes at 0x${iova.toString(16)} into ${this.name}`, {
      hint: "try again: something else holds the address space at this moment",
      errno: -16,
    });
  }
}
