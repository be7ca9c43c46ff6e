/** Words that an error's hint or message may have: any, but some. */
const SOME = /./;

/** An error as a test wants it. `expect` of vitest and of jest takes it wherever a matcher may stand. */
export class ErrorMatcher {
  readonly code: string;
  readonly message: RegExp;
  readonly hint: RegExp;

  constructor(code: string, message: RegExp, hint: RegExp) {
    this.code = code;
    this.message = message;
    this.hint = hint;
  }

  /** Whether `thrown` is such an error. */
  asymmetricMatch(thrown: unknown): boolean {
    const { code, message, hint } = (thrown ?? {}) as { code?: unknown; message?: unknown; hint?: unknown };
    return code === this.code && matches(this.message, message) && matches(this.hint, hint);
  }

  /** For the report of a test that fails. */
  toString(): string {
    return `failing(${this.code}, ${this.message}, ${this.hint})`;
  }
}

/**
 * Matches an error by its code, words of its message, and words of its hint, both of which it must have:
 * `expect(() => …).toThrow(failing("ERR_CLOSED"))`.
 *
 * @param code such as `ERR_CLOSED` or `EBUSY`
 */
export function failing(code: string, message: RegExp = SOME, hint: RegExp = SOME): ErrorMatcher {
  return new ErrorMatcher(code, message, hint);
}

const matches = (pattern: RegExp, text: unknown): boolean => typeof text === "string" && pattern.test(text);
