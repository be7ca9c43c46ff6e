import { Counterpart } from "./counterpart.ts";
import { type Figure, summarize } from "./statistics.ts";

/** Does one round. @returns its figure, in nanoseconds */
export type Round = () => number | Promise<number>;

/** A bound that a row shall keep. */
export interface Limit {
  /** What it is measured by: the C figure of the row, or the TypeScript figure of an earlier row. */
  readonly of: "C" | { readonly row: string };
  /** The TypeScript figure is at most this many times that. */
  readonly atMost: number;
}

/** Something to be measured. */
export interface Row {
  readonly name: string;
  readonly typescript: Round;
  /** The C program that does the same, with its arguments. */
  readonly c?: readonly string[];
  readonly limits?: readonly Limit[];
}

/** A limit with what came out. */
export interface LimitResult {
  /** `C`, or the name of another row. */
  readonly of: string;
  readonly atMost: number;
  readonly measured: number;
  readonly pass: boolean;
}

/** What was measured. Figures are nanoseconds. */
export interface Result {
  readonly name: string;
  readonly place: "native" | "vm";
  readonly unit: "ns";
  readonly typescript: Figure;
  readonly c: Figure | null;
  /** TypeScript by C, round by round. */
  readonly ratio: Figure | null;
  readonly limits: readonly LimitResult[];
  /** Whether all limits are kept; null if there is none. */
  readonly pass: boolean | null;
}

/** How {@link Bench} measures. */
export interface BenchOptions {
  readonly place: "native" | "vm";
  readonly rounds: number;
  /** Rows whose name contains it; all if empty. */
  readonly filter: string;
  /** Told each row's name before it is measured. */
  readonly onRow: (name: string) => void;
}

/** Rounds that are not counted, in which V8 compiles. */
const WARM_UP_ROUNDS = 3;

/** Measures rows one after the other. */
export class Bench {
  readonly results: Result[] = [];
  readonly #options: BenchOptions;

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  /** Measures a row, unless the filter leaves it out. The rounds of both languages alternate. */
  async row({ name, typescript, c, limits = [] }: Row): Promise<void> {
    const { place, filter, rounds, onRow } = this.#options;
    if (!name.includes(filter)) return;
    onRow(name);
    await using counterpart = c === undefined ? undefined : new Counterpart(c);
    for (let round = 0; round < WARM_UP_ROUNDS; round++) await typescript();
    await counterpart?.round();
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await typescript());
      if (counterpart !== undefined) theirs.push(await counterpart.round());
    }
    const hasC = theirs.length > 0;
    const typescriptFigure = summarize(ours);
    const ratio = hasC ? summarize(ours.map((own, round) => own / theirs[round]!)) : null;
    const checked = limits.flatMap((limit) => this.#check(limit, typescriptFigure, ratio));
    this.results.push({
      name,
      place,
      unit: "ns",
      typescript: typescriptFigure,
      c: hasC ? summarize(theirs) : null,
      ratio,
      limits: checked,
      pass: checked.length > 0 ? checked.every(({ pass }) => pass) : null,
    });
  }

  /** Nothing if the row it refers to was left out. */
  #check({ of, atMost }: Limit, figure: Figure, ratio: Figure | null): LimitResult[] {
    const name = of === "C" ? "C" : of.row;
    const other = this.results.find((result) => result.name === name);
    const measured = of === "C" ? ratio?.median : other && figure.median / other.typescript.median;
    return measured === undefined ? [] : [{ of: name, atMost, measured, pass: measured <= atMost }];
  }
}
