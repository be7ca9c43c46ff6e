import { CAPACITY, CHILDREN, ENDS, GAPS, HANDLES, NodePool } from "./node-pool.ts";

/** A range of a {@link RangeTree}; `end` is excluded. */
export interface RangeEntry<T> {
  readonly start: number;
  readonly end: number;
  readonly value: T;
  /** Stands for the range while it is in the tree, wherever its node moves. */
  readonly handle: number;
}

/** Levels of nodes that no tree in memory has: each node but the root has several entries. */
const MOST_LEVELS = 32;

/**
 * A B+ tree of disjoint ranges of safe integers, each with a value. A leaf's entries are ranges; an entry of an inner
 * node sums up a child: its first start, its last end, and the widest gap between two ranges below it. The sums are kept
 * by comparison alone where that can be: most insertions and removals look at one leaf, and at little above it.
 */
export class RangeTree<T> {
  readonly leaves = new NodePool(3);
  readonly inners = new NodePool(4);
  root = this.leaves.add();
  /** Levels of inner nodes above the leaves. */
  height = 0;
  readonly #values: (T | undefined)[] = [];
  readonly #unused: number[] = [];
  // The way to the leaf of the present call: the inner node on each level, and which of its children.
  readonly #nodes = new Int32Array(MOST_LEVELS);
  readonly #slots = new Int32Array(MOST_LEVELS);

  /** Entry `i` of a leaf. */
  entry(leaf: number, i: number): RangeEntry<T> {
    const block = this.leaves.block(leaf);
    const at = this.leaves.base(leaf) + i;
    const handle = block[at + HANDLES]!;
    return { start: block[at]!, end: block[at + ENDS]!, value: this.#values[handle]!, handle };
  }

  /** Gives a range another value. */
  replace(handle: number, value: T): void {
    this.#values[handle] = value;
  }

  /** Adds a range that overlaps none. */
  insert(start: number, end: number, value: T): void {
    const { leaves } = this;
    const leaf = this.#descend(start);
    const i = leaves.after(leaf, start);
    const block = leaves.block(leaf);
    const at = leaves.base(leaf) + i;
    const size = leaves.size(leaf);
    const left = i > 0 ? start - block[at + ENDS - 1]! : 0;
    const right = i < size ? block[at]! - end : 0;
    const before = i > 0 && i < size ? block[at]! - block[at + ENDS - 1]! : 0;
    leaves.open(leaf, i);
    block[at] = start;
    block[at + ENDS] = end;
    block[at + HANDLES] = this.#keep(value);
    if (size + 1 === CAPACITY) this.#split(leaf);
    else this.#update(leaf, before, Math.max(left, right));
  }

  /** Removes the range that starts at `start`, and returns it, if there is one. */
  remove(start: number): RangeEntry<T> | undefined {
    const { leaves } = this;
    const leaf = this.#descend(start);
    const i = leaves.after(leaf, start) - 1;
    const block = leaves.block(leaf);
    const at = leaves.base(leaf) + i;
    if (i < 0 || block[at] !== start) return undefined;
    const last = leaves.size(leaf) - 1;
    const removed = this.entry(leaf, i);
    const { end } = removed;
    const left = i > 0 ? start - block[at + ENDS - 1]! : 0;
    const right = i < last ? block[at + 1]! - end : 0;
    const after = i > 0 && i < last ? block[at + 1]! - block[at + ENDS - 1]! : 0;
    this.#giveUp(removed.handle);
    leaves.close(leaf, i);
    if (last < CAPACITY / 4) this.#shrink();
    else this.#update(leaf, Math.max(left, right), after);
    return removed;
  }

  #keep(value: T): number {
    const handle = this.#unused.pop();
    if (handle === undefined) return this.#values.push(value) - 1;
    this.#values[handle] = value;
    return handle;
  }

  #giveUp(handle: number): void {
    this.#values[handle] = undefined;
    this.#unused.push(handle);
  }

  /** Notes the way to the leaf where a range that starts at `point` is or belongs. */
  #descend(point: number): number {
    const { inners } = this;
    let node = this.root;
    for (let level = 0; level < this.height; level++) {
      const after = inners.after(node, point);
      const slot = after > 0 ? after - 1 : 0;
      this.#nodes[level] = node;
      this.#slots[level] = slot;
      node = inners.block(node)[inners.base(node) + CHILDREN + slot]!;
    }
    return node;
  }

  /**
   * Brings the sums above a leaf up to date.
   *
   * @param before widest of the gaps that have changed, as they were
   * @param after and as they are
   */
  #update(leaf: number, before: number, after: number): void {
    const { inners } = this;
    let pool = this.leaves;
    let child = leaf;
    let [was, is] = [before, after];
    for (let level = this.height - 1; level >= 0; level--) {
      const node = this.#nodes[level]!;
      const block = inners.block(node);
      const at = inners.base(node) + this.#slots[level]!;
      const childBlock = pool.block(child);
      const childBase = pool.base(child);
      const start = childBlock[childBase]!;
      const end = childBlock[childBase + ENDS + pool.size(child) - 1]!;
      const known = block[at + GAPS]!;
      const gap = is >= known ? is : was < known ? known : this.#widest(level, child);
      if (gap === known && start === block[at] && end === block[at + ENDS]) return;
      // What has changed in this node are the sums of the child, and the gaps between it and its neighbours.
      const left = this.#slots[level]! > 0 ? block[at + ENDS - 1]! : Number.POSITIVE_INFINITY;
      const right = this.#slots[level]! + 1 < inners.size(node) ? block[at + 1]! : 0;
      was = Math.max(known, block[at]! - left, right - block[at + ENDS]!);
      is = Math.max(gap, start - left, right - end);
      block[at] = start;
      block[at + ENDS] = end;
      block[at + GAPS] = gap;
      pool = inners;
      child = node;
    }
  }

  /** Splits a leaf that is full, and the nodes above it that become so. */
  #split(leaf: number): void {
    let right = this.leaves.split(leaf);
    for (let level = this.height - 1; level >= 0; level--) {
      const node = this.#nodes[level]!;
      const slot = this.#slots[level]!;
      this.#sumUp(level, slot);
      this.#adopt(level, node, slot + 1, right);
      if (this.inners.size(node) < CAPACITY) {
        this.#sumUpAbove(level);
        return;
      }
      right = this.inners.split(node);
    }
    const left = this.root;
    this.root = this.inners.add();
    this.height++;
    this.#nodes[0] = this.root;
    this.#adopt(0, this.root, 0, left);
    this.#adopt(0, this.root, 1, right);
  }

  /** Makes `child` the child number `slot` of an inner node. */
  #adopt(level: number, node: number, slot: number, child: number): void {
    this.inners.open(node, slot);
    this.inners.block(node)[this.inners.base(node) + CHILDREN + slot] = child;
    this.#sumUp(level, slot);
  }

  /** After a leaf has become small: joins what is small with a neighbour, and drops what is empty, up to the root. */
  #shrink(): void {
    for (let level = this.height - 1; level >= 0; level--) this.#tidy(level);
    const { inners } = this;
    while (this.height > 0 && inners.size(this.root) <= 1) {
      const only = inners.size(this.root) === 1 ? this.#child(this.root, 0) : this.leaves.add();
      this.height = inners.size(this.root) === 1 ? this.height - 1 : 0;
      inners.drop(this.root);
      this.root = only;
    }
  }

  #tidy(level: number): void {
    const { inners } = this;
    const pool = this.#below(level);
    const node = this.#nodes[level]!;
    const slot = this.#slots[level]!;
    const child = this.#child(node, slot);
    if (pool.size(child) === 0) {
      pool.drop(child);
      inners.close(node, slot);
      return;
    }
    this.#sumUp(level, slot);
    if (pool.size(child) >= CAPACITY / 4) return;
    const left = slot + 1 < inners.size(node) ? slot : slot - 1;
    if (left < 0) return;
    const [one, other] = [this.#child(node, left), this.#child(node, left + 1)];
    if (pool.size(one) + pool.size(other) > CAPACITY / 2) return;
    pool.join(one, other);
    inners.close(node, left + 1);
    this.#sumUp(level, left);
  }

  #sumUpAbove(level: number): void {
    for (let above = level - 1; above >= 0; above--) this.#sumUp(above, this.#slots[above]!);
  }

  /** Sums up a child of the inner node on this level of the way. */
  #sumUp(level: number, slot: number): void {
    const { inners } = this;
    const node = this.#nodes[level]!;
    const pool = this.#below(level);
    const child = this.#child(node, slot);
    const block = pool.block(child);
    const base = pool.base(child);
    const at = inners.base(node) + slot;
    const sums = inners.block(node);
    sums[at] = block[base]!;
    sums[at + ENDS] = block[base + ENDS + pool.size(child) - 1]!;
    sums[at + GAPS] = this.#widest(level, child);
  }

  /** Widest gap below `child`, of a node on this level. */
  #widest(level: number, child: number): number {
    if (level === this.height - 1) return this.leaves.widestBetween(child);
    const { inners } = this;
    const block = inners.block(child);
    const gaps = inners.base(child) + GAPS;
    let widest = inners.widestBetween(child);
    for (let k = gaps; k < gaps + inners.size(child); k++) if (block[k]! > widest) widest = block[k]!;
    return widest;
  }

  /** The kind of node below a level. */
  #below(level: number): NodePool {
    return level === this.height - 1 ? this.leaves : this.inners;
  }

  #child(node: number, slot: number): number {
    return this.inners.block(node)[this.inners.base(node) + CHILDREN + slot]!;
  }
}
