import { isPciError, PciError } from "./errors.ts";

/**
 * Gathers what fails while several things are closed, each of which must be tried whatever became of the others.
 *
 * ```ts
 * const failures = new Failures();
 * failures.try(() => vectors.close());
 * failures.try(() => descriptor.close());
 * failures.throwIfAny("0000:01:00.0 is closed, but");
 * ```
 */
export class Failures {
  readonly #errors: unknown[] = [];

  /** What was thrown so far, in order. */
  get errors(): readonly unknown[] {
    return this.#errors;
  }

  /** Runs `step` and keeps what it throws. */
  try(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#errors.push(error);
    }
  }

  /** Awaits `step` and keeps what it rejects with. */
  async tryAsync(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#errors.push(error);
    }
  }

  /**
   * Does nothing if nothing failed.
   *
   * @param what beginning of the message if several steps failed, such as `the domain is closed, but`
   * @throws the error itself if there is one; a PciError with the first code among them, and all of them in an AggregateError
   * as `cause`, if there are several
   */
  throwIfAny(what: string): void {
    const [first, ...others] = this.#errors;
    if (this.#errors.length === 0) return;
    if (others.length === 0) throw first;
    const message = first instanceof Error ? first.message : String(first);
    throw new PciError(
      this.#errors.map(codeOf).find((code) => code !== undefined) ?? "ERR_BUSY",
      `${what} ${this.#errors.length} steps failed, the first: ${message}`,
      {
        ...(isPciError(first) && first.hint !== undefined ? { hint: first.hint } : {}),
        cause: new AggregateError(this.#errors, "all that failed"),
      },
    );
  }
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}
