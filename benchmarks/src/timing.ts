/** Milliseconds of the quickest of some slices. */
function quickestSlice(work: () => void, slices: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let slice = 0; slice < slices; slice++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/**
 * Nanoseconds an operation takes in the quickest of some slices, less what an empty slice takes, as `quickest` of
 * `c/round.c` does it: what else runs on the machine can only add.
 *
 * @param work one slice: `count` operations; a function of its own for each measurement, or V8 compiles it for several
 */
export function quickest(work: () => void, count: number, slices: number): number {
  const clock = quickestSlice(() => undefined, slices);
  return ((quickestSlice(work, slices) - clock) * 1e6) / count;
}

/**
 * Median over slices of the nanoseconds an operation takes, for operations that wait for another process.
 *
 * @param work does `count` operations
 * @param after done after each slice, which is not counted
 */
export async function medianSlice(
  work: (count: number) => void | Promise<void>,
  count: number,
  slices: number,
  after?: () => void,
): Promise<number> {
  const samples: number[] = [];
  for (let slice = 0; slice < slices; slice++) {
    const start = performance.now();
    await work(count);
    samples.push(((performance.now() - start) * 1e6) / count);
    after?.();
  }
  return samples.sort((a, b) => a - b)[samples.length >> 1]!;
}
