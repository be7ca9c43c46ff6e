/** Entries a node may hold; one is always free, so that an insertion has room before the node is split. */
export const CAPACITY = 32;
/** Where a node's ends begin in its columns. */
export const ENDS = CAPACITY;
/** Where its gaps begin. */
export const GAPS = 2 * CAPACITY;

/**
 * A node of a {@link RangeMap}: ascending entries, each a start, an end (excluded) and the largest gap inside. A leaf's
 * entries are ranges, without gaps; an inner node's entries sum up its children. Numbers sit in one typed array, column
 * by column, so that a search touches neighbouring memory and the collector has nothing to follow.
 */
export class RangeMapNode<T> {
  size = 0;
  /** Of a leaf: what the ranges carry. */
  readonly values: T[] = [];
  /** Of an inner node, else undefined. */
  readonly children: RangeMapNode<T>[] | undefined;
  /** Starts from 0 on, ends from {@link ENDS} on, gaps from {@link GAPS} on. */
  readonly columns = new Float64Array(3 * CAPACITY);
  /** Where the columns end that are used: a leaf's gaps are all 0. */
  readonly #width: number;

  constructor(children?: RangeMapNode<T>[]) {
    this.children = children;
    this.#width = children === undefined ? GAPS : 3 * CAPACITY;
    if (children === undefined) return;
    this.size = children.length;
    for (let i = 0; i < children.length; i++) this.refresh(i);
  }

  start(i: number): number {
    return this.columns[i]!;
  }

  end(i: number): number {
    return this.columns[ENDS + i]!;
  }

  gap(i: number): number {
    return this.columns[GAPS + i]!;
  }

  /** Index of the first entry that starts after `point`. */
  after(point: number): number {
    const columns = this.columns;
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (columns[middle]! <= point) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes room for an entry and fills it in; the caller adds value or child. */
  insert(i: number, start: number, end: number, gap: number): void {
    const columns = this.columns;
    for (let base = 0; base < this.#width; base += CAPACITY) {
      for (let k = base + this.size; k > base + i; k--) columns[k] = columns[k - 1]!;
    }
    this.size++;
    this.#set(i, start, end, gap);
  }

  /** Drops an entry with its value or child. */
  remove(i: number): void {
    const columns = this.columns;
    this.size--;
    for (let base = 0; base < this.#width; base += CAPACITY) {
      for (let k = base + i; k < base + this.size; k++) columns[k] = columns[k + 1]!;
    }
    removeAt(this.children ?? this.values, i);
  }

  /** Sums up child `i` anew. */
  refresh(i: number): void {
    const child = this.children![i]!;
    this.#set(i, child.start(0), child.end(child.size - 1), child.#widestGap());
  }

  /** Puts a child in at `i`. */
  adopt(i: number, child: RangeMapNode<T>): void {
    this.insert(i, 0, 0, 0);
    insertAt(this.children!, i, child);
    this.refresh(i);
  }

  /** Moves the upper half to a new node, and returns that. */
  split(): RangeMapNode<T> {
    const right = new RangeMapNode<T>(this.children === undefined ? undefined : []);
    const half = this.size >>> 1;
    right.#take(this, half);
    this.size = half;
    return right;
  }

  /** Appends all that `right` holds. */
  absorb(right: RangeMapNode<T>): void {
    this.#take(right, 0);
  }

  #take(from: RangeMapNode<T>, first: number): void {
    for (let i = first; i < from.size; i++) this.insert(this.size, from.start(i), from.end(i), from.gap(i));
    if (this.children === undefined) this.values.push(...from.values.splice(first));
    else this.children.push(...from.children!.splice(first));
  }

  #set(i: number, start: number, end: number, gap: number): void {
    this.columns[i] = start;
    this.columns[ENDS + i] = end;
    this.columns[GAPS + i] = gap;
  }

  #widestGap(): number {
    const columns = this.columns;
    let widest = columns[GAPS]!;
    for (let i = 1; i < this.size; i++) {
      const between = columns[i]! - columns[ENDS + i - 1]!;
      const inside = columns[GAPS + i]!;
      if (between > widest) widest = between;
      if (inside > widest) widest = inside;
    }
    return widest;
  }
}

// `splice` makes an array of what it removes, each time.

/** Puts `value` before element `i`. */
export function insertAt<V>(list: V[], i: number, value: V): void {
  for (let k = list.length; k > i; k--) list[k] = list[k - 1]!;
  list[i] = value;
}

function removeAt(list: unknown[], i: number): void {
  for (let k = i + 1; k < list.length; k++) list[k - 1] = list[k];
  list.pop();
}
