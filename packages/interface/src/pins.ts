import { PciError } from "./errors.ts";

/** What the kernel counts as pinned, and how much it lets be (row R13). */
export interface PinBudget {
  /** Whose memory counts: that of this process (type1), or of all processes of its user together (iommufd). */
  readonly scope: "process" | "user";
  /** Bytes that are pinned now. */
  readonly used: number;
  /** `RLIMIT_MEMLOCK` in bytes; `Infinity` if unlimited. */
  readonly limit: number;
  /** Whether the limit does not apply: the process has `CAP_IPC_LOCK` in the initial user namespace. */
  readonly exempt: boolean;
  /** Name of the user whose limit it is, as far as known. */
  readonly user?: string;
}

/** Whether `size` bytes more may be pinned. */
export function mayPin(size: number, { used, limit, exempt }: PinBudget): boolean {
  return exempt || used + size <= limit;
}

/**
 * The error for memory that would pass the limit.
 *
 * @param what is to be done, to begin the message with
 * @param size in bytes
 */
export function memlockError(
  what: string,
  size: number,
  { used, limit, user = "USER" }: PinBudget,
): PciError {
  const kib = Math.ceil((used + size) / 1024);
  return new PciError(
    "ERR_MEMLOCK",
    `${what} would pin ${mib(used + size)}: ${mib(used)} are pinned and RLIMIT_MEMLOCK is ${mib(limit)}`,
    {
      hint: `add "${user} - memlock ${kib}" to /etc/security/limits.conf and log in again, or LimitMEMLOCK=${kib}K to the systemd unit`,
      details: { used, asked: size, limit },
    },
  );
}

const mib = (bytes: number): string =>
  Number.isFinite(bytes) ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : "unlimited";
