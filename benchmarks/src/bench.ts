import { Counterpart, roundAfresh } from "./counterpart.ts";
import { type Figure, summarize } from "./statistics.ts";

/** Does one round. @returns its figure, in nanoseconds */
export type Round = () => number | Promise<number>;

/** Something other than a C program that a row is measured by, in this process or in one of its own. */
export interface Reference {
  readonly name: string;
  readonly round: Round;
}

/** A bound that a row shall keep. */
export interface Limit {
  /** What it is measured by: `C`, the name of the row's reference, or the TypeScript figure of an earlier row. */
  readonly of: string | { readonly row: string };
  /** The TypeScript figure is at most this many times that. */
  readonly atMost: number;
}

/** Something to be measured. */
export interface Row {
  readonly name: string;
  readonly typescript: Round;
  /** The C program that does the same, with its arguments. */
  readonly c?: readonly string[];
  /** In place of a C program. */
  readonly reference?: Reference;
  readonly limits?: readonly Limit[];
  /**
   * How many rounds to do for each that is asked for, every one with the C program started anew, as `typescript` starts its
   * own side anew: for figures that depend on the memory a process happens to get. Default: one program for all rounds.
   */
  readonly afresh?: number;
}

/** A limit with what came out. */
export interface LimitResult {
  /** `C`, or the name of the reference or of another row. */
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
  /** What the row is measured by in place of a C program. */
  readonly reference: (Figure & { readonly name: string }) | null;
  /** TypeScript by C or by the reference, round by round. */
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

  /** Whether the filter leaves a row in. */
  wants(name: string): boolean {
    return name.includes(this.#options.filter);
  }

  /** Measures a row, unless the filter leaves it out. Its rounds alternate with those of what it is measured by. */
  async row({ name, typescript, c, reference, limits = [], afresh }: Row): Promise<void> {
    const { place, rounds, onRow } = this.#options;
    if (!this.wants(name)) return;
    onRow(name);
    await using counterpart = c === undefined || afresh !== undefined ? undefined : new Counterpart(c);
    const other = c === undefined ? reference?.round : () => counterpart?.round() ?? roundAfresh(c);
    for (let round = 0; round < WARM_UP_ROUNDS; round++) await typescript();
    await other?.();
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds * (afresh ?? 1); round++) {
      ours.push(await typescript());
      if (other !== undefined) theirs.push(await other());
    }
    const typescriptFigure = summarize(ours);
    const otherFigure = other === undefined ? null : summarize(theirs);
    const ratio = other === undefined ? null : summarize(ours.map((own, round) => own / theirs[round]!));
    const checked = limits.flatMap((limit) => this.#check(limit, typescriptFigure, ratio));
    this.results.push({
      name,
      place,
      unit: "ns",
      typescript: typescriptFigure,
      c: c === undefined ? null : otherFigure,
      reference: otherFigure && reference ? { name: reference.name, ...otherFigure } : null,
      ratio,
      limits: checked,
      pass: checked.length > 0 ? checked.every(({ pass }) => pass) : null,
    });
  }

  /** Nothing if the row it refers to was left out. */
  #check({ of, atMost }: Limit, figure: Figure, ratio: Figure | null): LimitResult[] {
    const name = typeof of === "string" ? of : of.row;
    const other = this.results.find((result) => result.name === name);
    const measured =
      typeof of === "string" ? ratio?.median : other && figure.median / other.typescript.median;
    return measured === undefined ? [] : [{ of: name, atMost, measured, pass: measured <= atMost }];
  }
}
