import type { DmaMemory, Iova } from "@userpci/interface";
import type { Mapping } from "./mapping.ts";

/** Which mappings a memory has. Made when it is first asked, since most drivers never do. */
export class MemoryIndex {
  #mappings: Map<DmaMemory, Set<Mapping>> | undefined;

  /** Notes a mapping that has become live, if the index is in use. It may have been unmapped since. */
  add(mapping: Mapping): void {
    if (this.#mappings === undefined || mapping.closed) return;
    const those = this.#mappings.get(mapping.memory);
    if (those === undefined) this.#mappings.set(mapping.memory, new Set([mapping]));
    else those.add(mapping);
  }

  remove(mapping: Mapping): void {
    const those = this.#mappings?.get(mapping.memory);
    if (those?.delete(mapping) && those.size === 0) this.#mappings!.delete(mapping.memory);
  }

  /**
   * The lowest address of a byte of memory.
   *
   * @param all gives the live mappings, to make the index of
   */
  iovaOf(memory: DmaMemory, offset: number, all: () => Iterable<Mapping>): Iova | undefined {
    if (this.#mappings === undefined) {
      this.#mappings = new Map();
      for (const mapping of all()) this.add(mapping);
    }
    let lowest: Iova | undefined;
    for (const mapping of this.#mappings.get(memory) ?? []) {
      const inside = offset - mapping.offset;
      if (inside < 0 || inside >= mapping.size) continue;
      // What lies between the parts of a whole is its devices' to reach, but nobody's address.
      if (mapping.joined !== undefined && mapping.joined.find(offset) === undefined) continue;
      const iova = (mapping.iova + BigInt(inside)) as Iova;
      if (lowest === undefined || iova < lowest) lowest = iova;
    }
    return lowest;
  }
}
