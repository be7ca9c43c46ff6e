/** Several rounds of one measurement in one number, and how far they lie apart. */
export interface Figure {
  readonly median: number;
  /** First and third quartile: half of the rounds lie between them. */
  readonly low: number;
  readonly high: number;
}

/** The value at a fraction of the way through ascending samples, between neighbours where it falls between them. */
function quantile(ascending: readonly number[], fraction: number): number {
  const position = (ascending.length - 1) * fraction;
  const below = Math.floor(position);
  const value = ascending[below]!;
  const next = ascending[Math.min(below + 1, ascending.length - 1)]!;
  return value + (next - value) * (position - below);
}

/** @param samples one a round, at least one */
export function summarize(samples: readonly number[]): Figure {
  const ascending = [...samples].sort((a, b) => a - b);
  return {
    median: quantile(ascending, 0.5),
    low: quantile(ascending, 0.25),
    high: quantile(ascending, 0.75),
  };
}
