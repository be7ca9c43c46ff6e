import { type DmaMapping, type DmaMemory, type IommuDomain, PciError } from "@userpci/interface";

/**
 * Frees memory whose mapping failed, unless an IOMMU would not let go of it: the domain then keeps it.
 *
 * @param error why it failed
 * @returns what to throw
 */
export function discard(memory: DmaMemory, domain: IommuDomain, error: unknown): unknown {
  if (!domain.closed && isMapped(memory, domain.mappings())) return error;
  try {
    memory.close();
    return error;
  } catch (notFreed) {
    return new PciError("ERR_BUSY", `the memory could be neither mapped nor freed: ${String(error)}`, {
      hint: "mend the first of the two errors in the cause; the memory goes back when the process ends",
      cause: new AggregateError([error, notFreed], "map and close both failed"),
    });
  }
}

/** Whether a mapping of `memory` is still in `mappings`. */
function isMapped(memory: DmaMemory, mappings: Iterable<DmaMapping>): boolean {
  for (const mapping of mappings) if (mapping.memory === memory) return true;
  return false;
}
