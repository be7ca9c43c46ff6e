/** Who a command runs as in the guest: a uid, a name, or either with a group after a colon (`65534`, `nobody`, `1000:1000`). */
export type User = string | number;

/** A command as it travels to the guest's agent. */
export interface SpawnRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user?: string | undefined;
  /** Soft and hard RLIMIT_MEMLOCK in bytes, or "unlimited". */
  readonly memlock?: string | undefined;
  /** Whether standard input is a pipe (else it is at its end from the start). */
  readonly stdin: boolean;
}

/** How a command ended: exactly one of the two is not null. */
export interface ExitStatus {
  /** The exit status, 0 to 255. */
  readonly code: number | null;
  /** The signal that killed it. */
  readonly signal: NodeJS.Signals | null;
}
