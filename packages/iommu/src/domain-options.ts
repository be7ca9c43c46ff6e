import {
  checkInteger,
  checkNames,
  checkType,
  type DomainRequest,
  type IovaRange,
  MAX_IOVA,
  type MappingBudget,
  PciError,
} from "@userpci/interface";
import { limitRanges, normaliseRanges } from "./ranges.ts";

/** How many mappings that were undone a domain remembers by default. */
const REMEMBERED = 256;

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
   * had fallen well below. Of an IOMMU that others map into too, those are four fifths of what they leave; that is read anew
   * now and then once addresses were reserved for others, or `ranges` were given. Default: nobody is told before `map` throws
   * `ERR_MAPPING_LIMIT`.
   */
  readonly onMappingsLow?: (budget: MappingBudget) => void;
}

/** What a domain is made of: options that were checked, with their defaults filled in. */
export interface DomainPlan {
  readonly label: string | undefined;
  readonly guard: number;
  readonly history: number;
  /** The addresses that it may use of those that its devices allow. */
  readonly allowed: readonly IovaRange[];
  /** Whether it is one of several over one IOMMU. */
  readonly shared: boolean;
  readonly onMappingsLow: ((budget: MappingBudget) => void) | undefined;
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function planDomain(options: DomainOptions & DomainRequest): DomainPlan {
  checkType("options", options, "object");
  const { dirtyTracking, ...own } = options;
  const { label, guard = 0, addressBits = 64, ranges, history = REMEMBERED, onMappingsLow } = own;
  const known = { label, guard, addressBits, ranges, history, onMappingsLow, dirtyTracking };
  checkNames("createDomain", own, known);
  if (dirtyTracking) throw noDirtyTracking();
  if (label !== undefined) checkType("label", label, "string");
  if (onMappingsLow !== undefined) checkType("onMappingsLow", onMappingsLow, "function");
  checkInteger("history", history, 0, 65536);
  checkInteger("addressBits", addressBits, 12, 64);
  const given = ranges === undefined ? [{ start: 0n, last: MAX_IOVA }] : normaliseRanges(ranges);
  const allowed = limitRanges(given, addressBits);
  return { label, guard, history, allowed, shared: ranges !== undefined, onMappingsLow };
}

const noDirtyTracking = (): PciError =>
  new PciError("ERR_INVALID_ARGUMENT", "createDomain alone makes no domain with dirtyTracking", {
    hint: "a backend does: backend.createDomain({ dirtyTracking: true }), such as that of vfioCdev()",
  });
