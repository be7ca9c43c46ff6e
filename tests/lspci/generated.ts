import { expect } from "vitest";
import { Random } from "../vm/harness/random.ts";
import { Tally } from "./compare.ts";
import type { Generator } from "./generate.ts";
import type { Reference } from "./reference.ts";
import { dumpOf } from "./space.ts";

/** Compares spaces; where lspci dies of one, goes on behind it. @returns how often it died */
function compareSpaces(
  reference: Reference,
  spaces: readonly Uint8Array[],
  args: readonly string[],
  tally: Tally,
): number {
  const file = reference.dump(dumpOf(spaces));
  const real = reference.real([...args, ...file]);
  const ours = reference.ours([...args, ...file]);
  if (!real.died) {
    tally.compare(real.text, ours.text);
    return 0;
  }
  if (spaces.length === 1) return 1;
  const half = spaces.length >> 1;
  return [spaces.slice(0, half), spaces.slice(half)].reduce(
    (died, part) => died + compareSpaces(reference, part, args, tally),
    0,
  );
}

/** Expects equal lines of all spaces by each of the commands, and lspci to live through nearly all. */
export function expectEqual(
  reference: Reference,
  spaces: readonly Uint8Array[],
  commands: readonly (readonly string[])[],
): void {
  const tally = new Tally();
  for (const args of commands) {
    const died = compareSpaces(reference, spaces, args, tally);
    expect(died, "times that lspci itself died").toBeLessThan(spaces.length / 20);
  }
  expect(tally.different.size, tally.report()).toBe(0);
  expect(tally.lines).toBeGreaterThan(spaces.length * commands.length * 0.9);
}

/** So many spaces of a generator, the same ones each time. */
export function generate(make: Generator, count: number): Uint8Array[] {
  const random = new Random(20101123);
  return Array.from({ length: count }, () => make(random));
}

/** A space for each bit of `length` bytes from `start`: `empty` with that bit the other way round. */
export function eachBit(empty: Uint8Array, start: number, length: number): Uint8Array[] {
  return Array.from({ length: length * 8 }, (_, bit) => {
    const bytes = empty.slice();
    bytes[start + (bit >> 3)]! ^= 1 << (bit & 7);
    return bytes;
  });
}

/** A space for each of `count` lengths from `shortest`: the beginning of `whole`. */
export function eachEnd(whole: Uint8Array, shortest: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, more) => whole.slice(0, shortest + more));
}
