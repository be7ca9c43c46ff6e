import { type GapRequest, GapSearch } from "./gap-search.ts";
import { CHILDREN, ENDS } from "./node-pool.ts";
import { type RangeEntry, RangeTree } from "./range-tree.ts";

/** A map from disjoint ranges of safe integers to values, which also finds room between them. All calls take O(log n). */
export class RangeMap<T> {
  #tree = new RangeTree<T>();
  readonly #search = new GapSearch(this.#tree);
  #size = 0;

  /** Number of ranges. */
  get size(): number {
    return this.#size;
  }

  /** Adds a range that overlaps none; see {@link overlap}. */
  insert(start: number, end: number, value: T): void {
    this.#tree.insert(start, end, value);
    this.#size++;
  }

  /** Removes the range that starts at `start`, and returns it, if there is one. */
  delete(start: number): RangeEntry<T> | undefined {
    const removed = this.#tree.remove(start);
    if (removed !== undefined) this.#size--;
    return removed;
  }

  /** Gives a range that is in the map another value. */
  replace(handle: number, value: T): void {
    this.#tree.replace(handle, value);
  }

  /** The range that holds `point`, if any. */
  find(point: number): RangeEntry<T> | undefined {
    return this.overlap(point, point + 1);
  }

  /** The last of the ranges that have something in common with `start` to `end` (excluded), if any. */
  overlap(start: number, end: number): RangeEntry<T> | undefined {
    const tree = this.#tree;
    let node = tree.root;
    for (let height = tree.height; height >= 0; height--) {
      const pool = height === 0 ? tree.leaves : tree.inners;
      const i = pool.after(node, end - 1) - 1;
      const block = pool.block(node);
      const at = pool.base(node) + i;
      if (i < 0) return undefined;
      // Above the leaves the end would settle it sooner, at the price of a line of memory on each level.
      if (height === 0) return block[at + ENDS]! <= start ? undefined : tree.entry(node, i);
      node = block[at + CHILDREN]!;
    }
    return undefined;
  }

  /** The first range that starts after `point`, if any. */
  after(point: number): RangeEntry<T> | undefined {
    const tree = this.#tree;
    let node = tree.root;
    let next = -1;
    for (let height = tree.height; height >= 0; height--) {
      const pool = height === 0 ? tree.leaves : tree.inners;
      const block = pool.block(node);
      const at = pool.base(node);
      const after = pool.after(node, point);
      if (after < pool.size(node)) next = block[at + after]!;
      if (height > 0) node = block[at + Math.max(0, after - 1) + CHILDREN]!;
    }
    return next < 0 ? undefined : this.find(next);
  }

  /** See {@link GapRequest}: where there is room, or -1. */
  findGap(request: GapRequest): number {
    return this.#search.find(request);
  }

  /** The ranges, ascending. The map must not change meanwhile. */
  [Symbol.iterator](): Generator<RangeEntry<T>, void> {
    return entriesBelow(this.#tree, this.#tree.root, this.#tree.height);
  }
}

function* entriesBelow<T>(tree: RangeTree<T>, node: number, height: number): Generator<RangeEntry<T>, void> {
  const pool = height === 0 ? tree.leaves : tree.inners;
  const block = pool.block(node);
  const base = pool.base(node);
  for (let i = 0; i < pool.size(node); i++) {
    const at = base + i;
    if (height === 0) yield tree.entry(node, i);
    else yield* entriesBelow(tree, block[at + CHILDREN]!, height - 1);
  }
}
