import { CHILDREN, ENDS, GAPS } from "./node-pool.ts";
import type { RangeTree } from "./range-tree.ts";

/** What {@link findGap} is to find; all in the map's unit. */
export interface GapRequest {
  readonly size: number;
  /** The start must be a multiple of it, plus {@link phase}; a power of two. */
  readonly alignment: number;
  /** How far past a multiple of the alignment the start must be: 0 to `alignment` - 1. Default 0. */
  readonly phase?: number;
  /** Free space to leave on both sides. */
  readonly guard: number;
  /** The range must lie in `low` to `high` (excluded). */
  readonly low: number;
  readonly high: number;
}

/** Gaps that are looked at before only those are, which are wide enough for any alignment. */
const FIRST_TRIES = 8;

/**
 * Finds room in a tree. Gaps narrower than `need` are passed over, and at most `tries` others are looked at. One object
 * serves all searches: numbers above 2^31 cost an allocation each in a new one.
 */
export class GapSearch {
  readonly #tree: RangeTree<unknown>;
  #size = 0;
  #alignment = 1;
  #phase = 0;
  #guard = 0;
  #low = 0;
  #high = 0;
  #need = 0;
  #tries = 0;

  constructor(tree: RangeTree<unknown>) {
    this.#tree = tree;
  }

  /**
   * The lowest start found for a free range, or -1 if there is none. Where the alignment spoils many gaps, a wider gap
   * further up may be taken instead of the lowest that would do; -1 is always the truth.
   */
  find({ size, alignment, phase = 0, guard, low, high }: GapRequest): number {
    this.#size = size;
    this.#alignment = alignment;
    this.#phase = phase;
    this.#guard = guard;
    this.#low = low;
    this.#high = high;
    const need = size + 2 * guard;
    const first = this.#run(need, FIRST_TRIES);
    if (first >= 0 || alignment === 1) return first;
    const wide = this.#run(need + alignment - 1, Number.POSITIVE_INFINITY);
    return wide >= 0 ? wide : this.#run(need, Number.POSITIVE_INFINITY);
  }

  #run(need: number, tries: number): number {
    this.#need = need;
    this.#tries = tries;
    const { root, height, leaves, inners } = this.#tree;
    const pool = height === 0 ? leaves : inners;
    const size = pool.size(root);
    if (size === 0) return this.#fit(this.#low, this.#high);
    const block = pool.block(root);
    const base = pool.base(root);
    const below = this.#fit(this.#low, block[base]!);
    if (below >= 0) return below;
    const inside = height === 0 ? this.#inLeaf(root) : this.#inInner(root, height);
    if (inside >= 0 || this.#tries <= 0) return inside;
    return this.#fit(block[base + ENDS + size - 1]!, this.#high);
  }

  /** The first fit in a gap between two children or below one. */
  #inInner(node: number, height: number): number {
    const { inners } = this.#tree;
    const block = inners.block(node);
    const base = inners.base(node);
    const last = base + inners.size(node) - 1;
    const after = inners.after(node, this.#low);
    for (let at = base + (after > 0 ? after - 1 : 0); at <= last; at++) {
      if (block[at + GAPS]! >= this.#need) {
        const child = block[at + CHILDREN]!;
        const start = height === 1 ? this.#inLeaf(child) : this.#inInner(child, height - 1);
        if (start >= 0 || this.#tries <= 0) return start;
      }
      const end = block[at + ENDS]!;
      if (at === last || end >= this.#high) return -1;
      const next = block[at + 1]!;
      if (next - end < this.#need) continue;
      const start = this.#fit(end, next);
      if (start >= 0 || this.#tries <= 0) return start;
    }
    return -1;
  }

  #inLeaf(leaf: number): number {
    const { leaves } = this.#tree;
    const block = leaves.block(leaf);
    const base = leaves.base(leaf);
    const last = base + leaves.size(leaf) - 1;
    const after = leaves.after(leaf, this.#low);
    for (let at = base + (after > 0 ? after - 1 : 0); at < last; at++) {
      const end = block[at + ENDS]!;
      if (end >= this.#high) return -1;
      const next = block[at + 1]!;
      if (next - end < this.#need) continue;
      const start = this.#fit(end, next);
      if (start >= 0 || this.#tries <= 0) return start;
    }
    return -1;
  }

  /** The start of the request in the gap from `from` to `to` (excluded), or -1; costs a try if it looked wide enough. */
  #fit(from: number, to: number): number {
    if (to - from < this.#need) return -1;
    const lowest = Math.max(from + this.#guard, this.#low);
    const start = this.#alignment === 1 ? lowest : this.#aligned(lowest);
    if (start + this.#size <= Math.min(to - this.#guard, this.#high)) return start;
    this.#tries--;
    return -1;
  }

  #aligned(lowest: number): number {
    return Math.ceil((lowest - this.#phase) / this.#alignment) * this.#alignment + this.#phase;
  }
}
