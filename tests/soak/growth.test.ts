import { expect, it } from "vitest";
import { growth, type Sample } from "./growth.ts";

const MIB = 2 ** 20;
const SAMPLES = 40;
const steady: Sample = {
  done: 0,
  ms: 0,
  rss: 80 * MIB,
  external: 5 * MIB,
  descriptors: 20,
  mappings: 2,
  pinned: 0,
};

/** What a run came to in which something changes. */
function run(change: (i: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: SAMPLES }, (_, i) => ({ ...steady, done: i, ...change(i) }));
}

it("a process that gets going, and then varies, has not grown", () => {
  const noise = (i: number): number => ((i * 7919) % 13) * (MIB / 8);
  expect(growth(run((i) => ({ rss: (i < 10 ? 40 + 4 * i : 80) * MIB + noise(i) })))).toEqual([]);
});

it.each([
  ["rss", (i: number) => ({ rss: 80 * MIB + (i * 9 * MIB) / SAMPLES })],
  ["external", (i: number) => ({ external: 5 * MIB + (i * 3 * MIB) / SAMPLES })],
  ["descriptors", (i: number) => ({ descriptors: i === 30 ? 21 : 20 })],
  ["mappings", (i: number) => ({ mappings: 2 + i })],
  ["pinned", (i: number) => ({ pinned: i === SAMPLES - 1 ? 4096 : 0 })],
])("growth of %s is found", (name, change) => {
  expect(growth(run(change))).toEqual([expect.stringContaining(`${name}: `)]);
});

it("memory may grow as far as is said", () => {
  const grown = run((i) => ({ rss: 80 * MIB + (i * 20 * MIB) / SAMPLES }));
  expect(growth(grown, { rss: 12 * MIB, external: MIB })).toEqual([]);
  expect(growth(grown, { rss: 9 * MIB, external: MIB })).toEqual([expect.stringContaining("rss: ")]);
});

it("too few samples say nothing", () => {
  expect(() => growth(run(() => ({})).slice(0, 7))).toThrow("7 samples");
});
