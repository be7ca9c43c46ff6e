import { type FeatureName, isPciError, optionalFeatures } from "@userpci/interface";
import type { Difference } from "./differences.ts";
import type { Subject, SubjectPart } from "./subject.ts";

/** What a call came to: `ok`, or the code of the error it threw. */
export type Outcome = string;

/** A test's failure: a plain error, which every test runner shows. */
export class ConformanceError extends Error {
  override readonly name = "ConformanceError";
}

/** What a suite has seen so far. */
export interface Counts {
  /** Observations made, over all tests. */
  readonly observations: number;
  /** Rows of the list of differences that were met. */
  readonly differences: number;
  /** Optional features that are absent, and were refused whenever they were asked for. */
  readonly refused: number;
}

/** Compares what a backend does with what all of them do, but for the listed differences. */
export class Trial {
  readonly subject: Subject;
  readonly #listed: ReadonlyMap<string, Difference>;
  readonly #met = new Set<string>();
  readonly #leftOut = new Set<string>();
  readonly #refused = new Set<FeatureName>();
  #observations = 0;

  constructor(subject: Subject, differences: readonly Difference[]) {
    this.subject = subject;
    const own = differences.filter(({ backend }) => backend === subject.backend);
    this.#listed = new Map(own.map((row) => [row.what, row]));
  }

  get counts(): Counts {
    return { observations: this.#observations, differences: this.#met.size, refused: this.#refused.size };
  }

  /** What was not tried, and why. */
  get leftOut(): readonly string[] {
    return [...this.#leftOut];
  }

  /** Notes that something is not tried, for want of something in the subject. */
  leaveOut(what: string, why: string): void {
    this.#leftOut.add(`${what} (${why})`);
  }

  /** Rows of the list that no test has met, though the subject has what they need: they are no longer true, or were never. */
  get unmet(): readonly Difference[] {
    return [...this.#listed.values()].filter(
      ({ what, needs }) => !this.#met.has(what) && (needs === undefined || this.#has(needs)),
    );
  }

  #has(part: SubjectPart): boolean {
    const given = this.subject[part];
    // Instead of `unplug` there may be the reason why not.
    return given !== undefined && typeof given !== "string";
  }

  /** A call that all backends answer alike. Async calls go to {@link expectAsync}. */
  expect(what: string, call: () => unknown, outcome: Outcome): void {
    let found: Outcome;
    try {
      call();
      found = "ok";
    } catch (error) {
      found = this.#outcomeOf(what, error);
    }
    this.observe(what, found, outcome);
  }

  /** A use of an optional feature that is absent: refused, with what would bring it. */
  expectAbsent(name: FeatureName, what: string, use: () => unknown): void {
    let hint: string | undefined;
    const attempt = (): void => {
      try {
        use();
      } catch (error) {
        if (isPciError(error)) hint = error.hint;
        throw error;
      }
    };
    this.expect(what, attempt, "ERR_NOT_SUPPORTED");
    const { brings } = optionalFeatures[name];
    this.check(
      `${what}: the hint is "${hint}", not what would bring it: ${brings}`,
      hint?.includes(brings) === true,
    );
    this.#refused.add(name);
  }

  /** {@link expect} for a call that returns a promise. */
  async expectAsync(what: string, call: () => Promise<unknown>, outcome: Outcome): Promise<void> {
    let found: Outcome;
    try {
      await call();
      found = "ok";
    } catch (error) {
      found = this.#outcomeOf(what, error);
    }
    this.observe(what, found, outcome);
  }

  /** {@link expect} and {@link expectAsync} of the two forms of one call, the synchronous one last. */
  async expectBoth(
    what: string,
    call: () => Promise<unknown>,
    callSync: () => unknown,
    outcome: Outcome,
  ): Promise<void> {
    await this.expectAsync(what, call, outcome);
    this.expect(`${what}, sync`, callSync, outcome);
  }

  /** A value that all backends give alike. */
  observe(what: string, found: unknown, expected: unknown): void {
    this.#observations += 1;
    const row = this.#listed.get(what);
    if (row === undefined) {
      if (show(found) === show(expected)) return;
      throw new ConformanceError(`${what}: ${show(found)}, where every backend gives ${show(expected)}`);
    }
    if (show(found) !== row.outcome) {
      throw new ConformanceError(`${what}: ${show(found)}, and the list of differences says ${row.outcome}`);
    }
    if (row.outcome === show(expected)) {
      throw new ConformanceError(`${what}: the difference is gone; take it off the list`);
    }
    this.#met.add(what);
  }

  /** Something that must be so on every backend, without exception. */
  check(what: string, holds: boolean): void {
    this.#observations += 1;
    if (!holds) throw new ConformanceError(what);
  }

  /** The code of an error, which must be ours and say what to do about it. */
  #outcomeOf(what: string, error: unknown): Outcome {
    if (!isPciError(error)) {
      throw new ConformanceError(`${what}: threw ${String(error)}, which is no PciError`, { cause: error });
    }
    if (!error.hint) throw new ConformanceError(`${what}: ${error.code} has no hint (${error.message})`);
    return error.code;
  }
}

/** A value as text that can be compared and read. */
function show(value: unknown): string {
  if (typeof value === "string") return value;
  const text = JSON.stringify(value, (_key, each: unknown) =>
    typeof each === "bigint" ? `0x${each.toString(16)}` : each,
  );
  return text ?? String(value);
}
