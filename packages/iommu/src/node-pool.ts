/** Entries a node may hold; one is always free, so that an insertion has room before the node is split. */
export const CAPACITY = 64;

/** Where a node's columns begin, from its first element on. A leaf has handles in the place of gaps, and no children. */
export const ENDS = CAPACITY;
export const GAPS = 2 * CAPACITY;
export const HANDLES = GAPS;
export const CHILDREN = 3 * CAPACITY;

/** Nodes in one array: few arrays for many nodes, and no copy of all of them when one more is needed. */
const CHUNK_BITS = 4;
const CHUNK = 2 ** CHUNK_BITS;

/**
 * Nodes of a {@link RangeTree}, all of one kind, named by number. A node is some columns of numbers in a large array, so
 * that a search touches neighbouring memory, follows no pointer, and leaves the collector nothing to walk.
 */
export class NodePool {
  readonly #columns: number;
  readonly #stride: number;
  readonly #chunks: Float64Array[] = [];
  readonly #unused: number[] = [];
  /** Entries of each node. */
  #sizes = new Uint8Array(CHUNK);
  #count = 0;

  /** @param columns numbers that an entry has */
  constructor(columns: number) {
    this.#columns = columns;
    this.#stride = columns * CAPACITY;
  }

  /** A node without entries. */
  add(): number {
    const node = this.#unused.pop() ?? this.#count++;
    if (node >>> CHUNK_BITS === this.#chunks.length)
      this.#chunks.push(new Float64Array(CHUNK * this.#stride));
    if (node === this.#sizes.length) {
      const larger = new Uint8Array(2 * node);
      larger.set(this.#sizes);
      this.#sizes = larger;
    }
    this.#sizes[node] = 0;
    return node;
  }

  /** Takes a node back. */
  drop(node: number): void {
    this.#unused.push(node);
  }

  /** The array that has a node's columns, from {@link base} on. */
  block(node: number): Float64Array {
    return this.#chunks[node >>> CHUNK_BITS]!;
  }

  base(node: number): number {
    return (node & (CHUNK - 1)) * this.#stride;
  }

  size(node: number): number {
    return this.#sizes[node]!;
  }

  /** Index of the first entry that starts after `point`. */
  after(node: number, point: number): number {
    const block = this.block(node);
    const base = this.base(node);
    let low = base;
    let high = base + this.#sizes[node]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (block[middle]! <= point) low = middle + 1;
      else high = middle;
    }
    return low - base;
  }

  /** Makes room for an entry before entry `i`, for the caller to fill in. */
  open(node: number, i: number): void {
    const block = this.block(node);
    const size = this.#sizes[node]!++;
    const base = this.base(node);
    for (let column = base; column < base + this.#stride; column += CAPACITY) {
      for (let k = column + size; k > column + i; k--) block[k] = block[k - 1]!;
    }
  }

  /** Drops entry `i`. */
  close(node: number, i: number): void {
    const block = this.block(node);
    const size = --this.#sizes[node]!;
    const base = this.base(node);
    for (let column = base; column < base + this.#stride; column += CAPACITY) {
      for (let k = column + i; k < column + size; k++) block[k] = block[k + 1]!;
    }
  }

  /** Moves the upper half of a node to a new one. */
  split(node: number): number {
    const right = this.add();
    this.#move(node, this.size(node) >>> 1, right);
    return right;
  }

  /** Moves all that `right` has behind the entries of `left`, and takes `right` back. */
  join(left: number, right: number): void {
    this.#move(right, 0, left);
    this.drop(right);
  }

  /** Widest space between two neighbouring entries of a node. */
  widestBetween(node: number): number {
    const block = this.block(node);
    const base = this.base(node);
    const last = base + this.#sizes[node]! - 1;
    let widest = 0;
    for (let k = base; k < last; k++) {
      const between = block[k + 1]! - block[ENDS + k]!;
      if (between > widest) widest = between;
    }
    return widest;
  }

  #move(from: number, first: number, to: number): void {
    const source = this.block(from);
    const target = this.block(to);
    const sourceBase = this.base(from) + first;
    const targetBase = this.base(to) + this.#sizes[to]!;
    const moved = this.#sizes[from]! - first;
    for (let column = 0; column < this.#columns * CAPACITY; column += CAPACITY) {
      for (let k = column; k < column + moved; k++) target[targetBase + k] = source[sourceBase + k]!;
    }
    this.#sizes[from] = first;
    this.#sizes[to]! += moved;
  }
}
