import { CAPACITY, ENDS, GAPS, insertAt, RangeMapNode } from "./range-map-node.ts";

/** A range of a {@link RangeMap}; `end` is excluded. */
export interface RangeEntry<T> {
  readonly start: number;
  readonly end: number;
  readonly value: T;
}

/** What {@link RangeMap.findGap} is to find; all in the map's unit. */
export interface GapRequest {
  readonly size: number;
  /** The start must be a multiple of it; a power of two. */
  readonly alignment: number;
  /** Free space to leave on both sides. */
  readonly guard: number;
  /** The range must lie in `low` to `high` (excluded). */
  readonly low: number;
  readonly high: number;
}

/** A search under way: gaps narrower than `need` are passed over, and at most `tries` others are looked at. */
interface GapSearch extends GapRequest {
  need: number;
  tries: number;
}

/** Gaps that are looked at before only those are, which are wide enough for any alignment. */
const FIRST_TRIES = 8;

/**
 * A map from disjoint ranges of safe integers to values, which also finds room between them: a B+ tree whose inner nodes
 * know the widest gap below. All calls take O(log n).
 */
export class RangeMap<T> {
  #root = new RangeMapNode<T>();
  #size = 0;

  /** Number of ranges. */
  get size(): number {
    return this.#size;
  }

  /** Adds a range that overlaps none; see {@link overlap}. */
  insert(start: number, end: number, value: T): void {
    this.#size++;
    const right = insertBelow(this.#root, start, end, value);
    if (right !== undefined) this.#root = new RangeMapNode<T>([this.#root, right]);
  }

  /** Removes the range that starts at `start`, and returns it, if there is one. */
  delete(start: number): RangeEntry<T> | undefined {
    const entry = deleteBelow(this.#root, start);
    if (entry === undefined) return undefined;
    this.#size--;
    while (this.#root.children?.length === 1) this.#root = this.#root.children[0]!;
    if (this.#size === 0) this.#root = new RangeMapNode<T>();
    return entry;
  }

  /** The range that holds `point`, if any. */
  find(point: number): RangeEntry<T> | undefined {
    return this.overlap(point, point + 1);
  }

  /** The last of the ranges that have something in common with `start` to `end` (excluded), if any. */
  overlap(start: number, end: number): RangeEntry<T> | undefined {
    let node = this.#root;
    for (;;) {
      const i = node.after(end - 1) - 1;
      if (i < 0 || node.end(i) <= start) return undefined;
      if (node.children === undefined) {
        return { start: node.start(i), end: node.end(i), value: node.values[i]! };
      }
      node = node.children[i]!;
    }
  }

  /** The ranges, ascending. The map must not change meanwhile. */
  *[Symbol.iterator](): Generator<RangeEntry<T>, void> {
    yield* entriesBelow(this.#root);
  }

  /**
   * The lowest start found for a free range, or -1 if there is none. Where the alignment spoils many gaps, a wider gap
   * further up may be taken instead of the lowest that would do; -1 is always the truth.
   */
  findGap(request: GapRequest): number {
    const { size, alignment, guard, low, high } = request;
    const need = size + 2 * guard;
    const search = { size, alignment, guard, low, high, need, tries: FIRST_TRIES };
    const first = this.#searchGap(search);
    if (first >= 0 || alignment === 1) return first;
    search.tries = Infinity;
    search.need = need + alignment - 1;
    const wide = this.#searchGap(search);
    if (wide >= 0) return wide;
    search.need = need;
    return this.#searchGap(search);
  }

  #searchGap(search: GapSearch): number {
    const root = this.#root;
    if (root.size === 0) return fit(search, search.low, search.high);
    const below = fit(search, search.low, root.start(0));
    if (below >= 0) return below;
    const inside = gapBelow(root, search);
    if (inside >= 0 || search.tries <= 0) return inside;
    return fit(search, root.end(root.size - 1), search.high);
  }
}

function insertBelow<T>(
  node: RangeMapNode<T>,
  start: number,
  end: number,
  value: T,
): RangeMapNode<T> | undefined {
  const after = node.after(start);
  if (node.children === undefined) {
    node.insert(after, start, end, 0);
    insertAt(node.values, after, value);
  } else {
    const i = Math.max(0, after - 1);
    const right = insertBelow(node.children[i]!, start, end, value);
    node.refresh(i);
    if (right !== undefined) node.adopt(i + 1, right);
  }
  return node.size === CAPACITY ? node.split() : undefined;
}

function deleteBelow<T>(node: RangeMapNode<T>, start: number): RangeEntry<T> | undefined {
  const i = node.after(start) - 1;
  if (i < 0) return undefined;
  if (node.children === undefined) {
    if (node.start(i) !== start) return undefined;
    const entry = { start, end: node.end(i), value: node.values[i]! };
    node.remove(i);
    return entry;
  }
  const entry = deleteBelow(node.children[i]!, start);
  if (entry !== undefined) tidy(node, i);
  return entry;
}

/** After child `i` has shrunk: drops it if it is empty, and joins it with a neighbour if both are small. */
function tidy<T>(node: RangeMapNode<T>, i: number): void {
  const children = node.children!;
  if (children[i]!.size === 0) {
    node.remove(i);
    return;
  }
  node.refresh(i);
  if (children[i]!.size >= CAPACITY / 4) return;
  const left = i + 1 < children.length ? i : i - 1;
  if (left < 0 || children[left]!.size + children[left + 1]!.size > CAPACITY / 2) return;
  children[left]!.absorb(children[left + 1]!);
  node.remove(left + 1);
  node.refresh(left);
}

function* entriesBelow<T>(node: RangeMapNode<T>): Generator<RangeEntry<T>, void> {
  if (node.children === undefined) {
    for (let i = 0; i < node.size; i++) {
      yield { start: node.start(i), end: node.end(i), value: node.values[i]! };
    }
  } else {
    for (const child of node.children) yield* entriesBelow(child);
  }
}

/** The first fit in a gap between two entries of `node` or below it. The hot loop of an allocation. */
function gapBelow<T>(node: RangeMapNode<T>, search: GapSearch): number {
  const { columns, children } = node;
  const { need, high } = search;
  const last = node.size - 1;
  for (let i = Math.max(0, node.after(search.low) - 1); i <= last; i++) {
    if (children !== undefined && columns[GAPS + i]! >= need) {
      const start = gapBelow(children[i]!, search);
      if (start >= 0 || search.tries <= 0) return start;
    }
    const end = columns[ENDS + i]!;
    if (i === last || end >= high) return -1;
    const next = columns[i + 1]!;
    if (next - end < need) continue;
    const start = fit(search, end, next);
    if (start >= 0 || search.tries <= 0) return start;
  }
  return -1;
}

/** The start of the request in the gap from `from` to `to` (excluded), or -1; costs a try if the gap looked wide enough. */
function fit(search: GapSearch, from: number, to: number): number {
  if (to - from < search.need) return -1;
  const { size, alignment, guard, low, high } = search;
  const lowest = Math.max(from + guard, low);
  const start = alignment === 1 ? lowest : Math.ceil(lowest / alignment) * alignment;
  if (start + size <= Math.min(to - guard, high)) return start;
  search.tries--;
  return -1;
}
