import type { Tally } from "./compare.ts";
import type { Generator } from "./generate.ts";
import { Random } from "./random.ts";
import type { Reference } from "./reference.ts";
import { dumpOf } from "./space.ts";

/** Compares spaces; where lspci dies of one, goes on behind it. @returns how often it died */
export function compareSpaces(
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

/** So many spaces of a generator, the same ones for the same seed. */
export function generate(make: Generator, seed: number, count: number): Uint8Array[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => make(random));
}
