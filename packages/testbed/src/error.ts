/** Every error code of the test bed with what it means. Match on `error.code`. */
export const ERROR_CODES = {
  ERR_TESTBED_ARGUMENT: "an option or argument is not valid",
  ERR_TESTBED_PLATFORM: "this machine lacks something that cannot be fetched here",
  ERR_TESTBED_PROVISION: "downloading or unpacking QEMU, the kernel or the tools failed",
  ERR_TESTBED_BOOT: "the guest did not reach its agent",
  ERR_TESTBED_PANIC: "the guest's kernel panicked (every oops is a panic here)",
  ERR_TESTBED_HUNG: "the guest stopped answering and was killed",
  ERR_TESTBED_EXITED: "QEMU or the guest's agent ended by itself",
  ERR_TESTBED_CLOSED: "the virtual machine was closed",
  ERR_TESTBED_SPAWN: "the guest could not start the command",
  ERR_TESTBED_TIMEOUT: "the command ran past its time limit and was killed",
  ERR_TESTBED_COMMAND: "the command failed and `check` was asked for",
  ERR_TESTBED_QMP: "QEMU refused a QMP command",
  ERR_TESTBED_PROTOCOL: "a peer sent something that is not the test bed's protocol",
} as const;

/** One of {@link ERROR_CODES}. */
export type TestbedErrorCode = keyof typeof ERROR_CODES;

/** What an error may carry beside its message. */
export interface TestbedErrorDetails {
  /** The command or change that fixes it. */
  readonly hint?: string | undefined;
  /** The error underneath. */
  readonly cause?: unknown;
  /** What the guest's console or a tool printed, newest last. It is part of `message` too. */
  readonly log?: string | undefined;
}

/**
 * The only error class of this package. `code` says what happened, `hint` what to do; the message ends with the log
 * (the guest's console, a tool's standard error) so that a test runner shows it without help.
 */
export class TestbedError extends Error {
  override readonly name = "TestbedError";
  /** What happened: one of {@link ERROR_CODES}. */
  readonly code: TestbedErrorCode;
  /** The command or change that fixes it, when there is one. */
  readonly hint: string | undefined;
  readonly #log: string | undefined;
  readonly #summary: string;

  constructor(code: TestbedErrorCode, summary: string, details: TestbedErrorDetails = {}) {
    super(compose(summary, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.#summary = summary;
    this.#log = details.log;
  }

  // Accessors, because whoever prints an error prints its own properties too, and the message has both already.

  /** What the guest's console or a tool printed. */
  get log(): string | undefined {
    return this.#log;
  }

  /** The message without hint and log. */
  get summary(): string {
    return this.#summary;
  }

  /** Plain data that {@link TestbedError.fromJSON} turns back into an equal error in another process. */
  toJSON(): TestbedErrorData {
    return { code: this.code, summary: this.summary, hint: this.hint, log: this.log };
  }

  /** The inverse of {@link TestbedError.toJSON}. The cause stays in the process where it happened. */
  static fromJSON(data: TestbedErrorData): TestbedError {
    return new TestbedError(data.code, data.summary, { hint: data.hint, log: data.log });
  }
}

/** A {@link TestbedError} as JSON. */
export interface TestbedErrorData {
  readonly code: TestbedErrorCode;
  readonly summary: string;
  readonly hint?: string | undefined;
  readonly log?: string | undefined;
}

function compose(summary: string, { hint, log }: TestbedErrorDetails): string {
  let text = summary;
  if (hint) text += `\n  hint: ${hint}`;
  if (log?.trim()) text += `\n--- log ---\n${log.trimEnd()}`;
  return text;
}

/** `error` as a {@link TestbedError}: itself when it is one, else wrapped under `code`. */
export function toTestbedError(error: unknown, code: TestbedErrorCode): TestbedError {
  if (error instanceof TestbedError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TestbedError(code, message, { cause: error });
}
