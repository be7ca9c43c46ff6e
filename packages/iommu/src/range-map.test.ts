import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GapRequest } from "./gap-search.ts";
import { RangeMap } from "./range-map.ts";
import type { RangeEntry } from "./range-tree.ts";

/** Entries without the handle, which is the map's own. */
const plain = (entry?: RangeEntry<number>) =>
  entry && { start: entry.start, end: entry.end, value: entry.value };

interface Model {
  start: number;
  end: number;
  value: number;
}

const LIMIT = 400;
const operation = fc.record({
  kind: fc.constantFrom("insert", "insert", "insert", "delete"),
  start: fc.integer({ min: 0, max: LIMIT - 1 }),
  size: fc.integer({ min: 1, max: 4 }),
});
const gap: fc.Arbitrary<GapRequest> = fc
  .record({
    size: fc.integer({ min: 1, max: 24 }),
    alignment: fc.constantFrom(1, 2, 4, 8, 16),
    guard: fc.constantFrom(0, 1, 3),
    low: fc.integer({ min: 0, max: LIMIT / 2 }),
    high: fc.integer({ min: LIMIT / 2, max: LIMIT + 20 }),
    phase: fc.nat(15),
  })
  .map((request) => ({ ...request, phase: request.phase % request.alignment }));

function play(operations: { kind: string; start: number; size: number }[]) {
  const map = new RangeMap<number>();
  let model: Model[] = [];
  operations.forEach(({ kind, start, size }, value) => {
    const end = start + size;
    if (kind === "insert") {
      const taken = model.some((entry) => entry.start < end && start < entry.end);
      expect(map.overlap(start, end) !== undefined).toBe(taken);
      if (taken) return;
      map.insert(start, end, value);
      model.push({ start, end, value });
    } else {
      const entry = model.find((each) => each.start === start);
      expect(plain(map.delete(start))).toEqual(entry);
      model = model.filter((each) => each !== entry);
    }
  });
  return { map, model: model.sort((a, b) => a.start - b.start) };
}

/** Whether `start` is a right answer: aligned, in bounds, free, with its guards. */
function isFree(
  model: Model[],
  start: number,
  { size, alignment, phase = 0, guard, low, high }: GapRequest,
): boolean {
  const [from, to] = [start - guard, start + size + guard];
  return (
    start % alignment === phase &&
    start >= low &&
    start + size <= high &&
    !model.some((entry) => entry.start < to && from < entry.end)
  );
}

describe("RangeMap", () => {
  it("holds what a plain list holds, in order, after any inserts and deletes", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 600, size: "max" }), (operations) => {
        const { map, model } = play(operations);
        expect([...map].map(plain)).toEqual(model);
        expect(map.size).toBe(model.length);
        for (let point = 0; point < LIMIT + 5; point += 3) {
          expect(plain(map.find(point))).toEqual(
            model.find(({ start, end }) => start <= point && point < end),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it("finds room exactly when there is some", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300, size: "max" }), gap, (operations, request) => {
        const { map, model } = play(operations);
        const found = map.findGap(request);
        // The edges of the window are no neighbours, so a guard may reach past them there.
        const possible = Array.from({ length: LIMIT + 20 }, (_, start) => start).filter((start) =>
          isFree(model, start, request),
        );
        if (found >= 0) expect(isFree(model, found, request)).toBe(true);
        else expect(possible.filter((start) => insideWindow(start, request))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("takes the lowest gap when nothing spoils it", () => {
    const map = new RangeMap<string>();
    map.insert(0, 10, "a");
    map.insert(12, 20, "b");
    const request = { size: 2, alignment: 1, guard: 0, low: 0, high: 100 };
    expect(map.findGap(request)).toBe(10);
    expect(map.findGap({ ...request, size: 3 })).toBe(20);
    expect(map.findGap({ ...request, size: 81 })).toBe(-1);
  });

  it("finds the one gap deep in a large map, wherever it is", () => {
    const map = new RangeMap<number>();
    for (let i = 0; i < 20_000; i++) map.insert(i, i + 1, i);
    for (const at of [3, 777, 5000, 12_345, 19_990]) {
      for (let i = 0; i < 5; i++) map.delete(at + i);
      expect(map.findGap({ size: 5, alignment: 1, guard: 0, low: 0, high: 20_000 })).toBe(at);
      map.insert(at, at + 5, at);
    }
  });

  it("still finds the only aligned gap among very many that are spoilt", () => {
    const map = new RangeMap<number>();
    // Free: units 3 to 11 of every 16, nine in a row but no aligned eight, and one place where exactly 8 to 15 is free.
    for (let i = 0; i < 5000; i++) {
      const at = 16 * i;
      map.insert(at, at + 3, i);
      map.insert(at + 12, at + 16, i);
    }
    const special = 16 * 4000;
    map.delete(special + 12);
    map.insert(special + 4, special + 8, 0);
    expect(map.findGap({ size: 8, alignment: 8, guard: 0, low: 0, high: 80_000 })).toBe(special + 8);
  });
});

function insideWindow(start: number, { size, guard, low, high }: GapRequest): boolean {
  return start - guard >= low && start + size + guard <= high;
}
