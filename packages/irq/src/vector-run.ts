import type { IrqVector } from "./irq-vector.ts";

/** Vectors from a number on, which one call can connect; undefined for one that stays without a target. */
export interface Run {
  readonly start: number;
  readonly vectors: readonly (IrqVector | undefined)[];
}

const byNumber = (vectors: readonly IrqVector[]): IrqVector[] =>
  vectors.toSorted((a, b) => a.index - b.index);

/** Vectors of neighbouring numbers together, so that none between them is allocated. */
export function runsOf(vectors: readonly IrqVector[]): Run[] {
  const runs: { start: number; vectors: IrqVector[] }[] = [];
  for (const vector of byNumber(vectors)) {
    const run = runs.at(-1);
    if (run?.vectors.at(-1)?.index === vector.index - 1) run!.vectors.push(vector);
    else runs.push({ start: vector.index, vectors: [vector] });
  }
  return runs;
}

/** All vectors together with those between them, where none can be allocated later. */
export function wholeOf(vectors: readonly IrqVector[]): Run[] {
  const sorted = byNumber(vectors);
  const start = sorted[0]!.index;
  const whole = new Array<IrqVector | undefined>(sorted.at(-1)!.index - start + 1).fill(undefined);
  for (const vector of sorted) whole[vector.index - start] = vector;
  return [{ start, vectors: whole }];
}
