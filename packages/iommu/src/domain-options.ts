import { checkInteger, checkType, type IovaRange, MAX_IOVA, type MappingBudget } from "@userpci/interface";
import { limitRanges, normaliseRanges } from "./ranges.ts";

/** How `createDomain` may be asked. */
export interface DomainOptions {
  /** Name for messages. Default: none. */
  readonly label?: string;
  /** Bytes to leave unmapped on both sides of each mapping whose address is chosen. Default 0. */
  readonly guard?: number;
  /** The widest address, in bits, that all devices in it can drive: 12 to 64 (row R15). Default 64. */
  readonly addressBits?: number;
  /**
   * Addresses that it may use, of those that its devices allow. Default: all. For what another process has reserved for
   * this one, or for a domain beside others over one IOMMU.
   */
  readonly ranges?: Iterable<IovaRange>;
  /** How many mappings that were undone `IommuDomain.explain` remembers: 0 to 65536. Default 256. */
  readonly history?: number;
  /**
   * Told once, soon after, when four fifths of the mappings that an IOMMU can hold are in use, and again after their number
   * had fallen well below. Default: nobody is told before `map` throws `ERR_MAPPING_LIMIT`.
   */
  readonly onMappingsLow?: (budget: MappingBudget) => void;
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkDomainOptions(options: DomainOptions): void {
  checkType("options", options, "object");
  if (options.label !== undefined) checkType("label", options.label, "string");
  if (options.onMappingsLow !== undefined) checkType("onMappingsLow", options.onMappingsLow, "function");
  checkInteger("history", options.history ?? 0, 0, 65536);
}

/** The addresses that a domain may use of those that its devices allow. @throws PciError as {@link checkDomainOptions} */
export function allowedRanges({ ranges, addressBits = 64 }: DomainOptions): readonly IovaRange[] {
  const given = ranges === undefined ? [{ start: 0n, last: MAX_IOVA }] : normaliseRanges(ranges);
  return limitRanges(given, checkInteger("addressBits", addressBits, 12, 64));
}
