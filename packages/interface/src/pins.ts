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
  const figures = [used + size, used, limit];
  const [total, pinned, allowed] = figures.map((bytes) => amount(bytes, unitOf(figures)));
  const kib = Math.ceil((used + size) / 1024);
  return new PciError(
    "ERR_MEMLOCK",
    `${what} would pin ${total}: ${pinned} are pinned and RLIMIT_MEMLOCK is ${allowed}`,
    {
      hint: `add "${user} - memlock ${kib}" to /etc/security/limits.conf and log in again, or LimitMEMLOCK=${kib}K to the systemd unit`,
      details: { used, asked: size, limit },
    },
  );
}

interface Unit {
  readonly name: string;
  readonly bytes: number;
}

const units: readonly Unit[] = [
  { name: "MiB", bytes: 2 ** 20 },
  { name: "KiB", bytes: 2 ** 10 },
];

/** The largest of which all figures are whole numbers: rounded, they would contradict each other at the limit. */
function unitOf(figures: readonly number[]): Unit {
  const finite = figures.filter(Number.isFinite);
  const whole = units.find(({ bytes }) => finite.every((figure) => figure % bytes === 0));
  return whole ?? { name: "bytes", bytes: 1 };
}

function amount(bytes: number, unit: Unit): string {
  return Number.isFinite(bytes) ? `${bytes / unit.bytes} ${unit.name}` : "unlimited";
}
