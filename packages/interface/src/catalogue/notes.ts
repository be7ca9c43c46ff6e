/** What helps somebody who met an error. Text may have code between backticks. */
export interface ErrorNotes {
  /** How it comes about: a sentence for each way. */
  readonly causes: readonly [string, ...string[]];
  /** Where it can be seen: commands that print it, or fields of the error. */
  readonly evidence: readonly [string, ...string[]];
  /** What mends it, in the order in which to try. */
  readonly fix: readonly [string, ...string[]];
  /** A message of it. */
  readonly example: string;
}
