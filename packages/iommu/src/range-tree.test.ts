import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CAPACITY, CHILDREN, ENDS, GAPS } from "./node-pool.ts";
import { RangeTree } from "./range-tree.ts";

interface Sum {
  readonly start: number;
  readonly end: number;
  readonly gap: number;
  readonly entries: number;
}

/** What a node sums up to, reckoned from the ranges alone; what the tree itself has noted must be the same. */
function verify(tree: RangeTree<number>, node: number, height: number): Sum {
  const pool = height === 0 ? tree.leaves : tree.inners;
  const block = pool.block(node);
  const base = pool.base(node);
  expect(pool.size(node)).toBeLessThan(CAPACITY);
  expect(pool.size(node)).toBeGreaterThan(0);
  let [gap, entries, end] = [0, 0, block[base]!];
  for (let at = base; at < base + pool.size(node); at++) {
    const noted = { start: block[at]!, end: block[at + ENDS]! };
    let below: Sum = { ...noted, gap: 0, entries: 1 };
    if (height > 0) {
      below = verify(tree, block[at + CHILDREN]!, height - 1);
      expect({ ...noted, gap: block[at + GAPS]! }).toEqual({
        start: below.start,
        end: below.end,
        gap: below.gap,
      });
    }
    gap = Math.max(gap, below.gap, noted.start - end);
    end = noted.end;
    entries += below.entries;
  }
  return { start: block[base]!, end, gap, entries };
}

const step = fc.record({
  kind: fc.constantFrom("insert", "insert", "remove"),
  /** Ranges that follow one another, or lie scattered. */
  run: fc.boolean(),
  first: fc.nat(30_000),
  count: fc.integer({ min: 1, max: 3000 }),
  size: fc.integer({ min: 1, max: 4 }),
});

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Inserts or removes, in the tree and in a plain map. Fails without `expect`, which is slow this many times. */
function play(
  tree: RangeTree<number>,
  live: Map<number, number>,
  { kind, run, first, count, size }: Step,
): void {
  for (let i = 0; i < count; i++) {
    // One place for each multiple of 5, so that gaps of many widths are left between them.
    const start = 5 * ((first + (run ? i : i * 7919)) % 30_000);
    if (kind === "remove") {
      if (tree.remove(start)?.end !== live.get(start)) expect.fail(`the range at ${start} was lost`);
      live.delete(start);
    } else if (!live.has(start)) {
      tree.insert(start, start + size, start);
      live.set(start, start + size);
    }
  }
}

describe("RangeTree", () => {
  it("knows the widest gap, the first start and the last end below each node, on three levels", () => {
    let highest = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 12, maxLength: 24 }), (steps) => {
        const tree = new RangeTree<number>();
        const live = new Map<number, number>();
        for (const each of steps) {
          play(tree, live, each);
          if (live.size > 0) expect(verify(tree, tree.root, tree.height).entries).toBe(live.size);
          highest = Math.max(highest, tree.height);
        }
        for (const [start, end] of live)
          if (tree.remove(start)?.end !== end) expect.fail(`${start} was lost`);
        expect([tree.height, tree.leaves.size(tree.root)]).toEqual([0, 0]);
      }),
      { numRuns: 6, seed: 1, endOnFailure: true },
    );
    expect(highest).toBe(2);
  });
});
