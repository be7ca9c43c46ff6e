import { readFileSync } from "node:fs";

/** What a process may pin and has pinned, in bytes (row R13). */
export interface Memlock {
  /** Soft `RLIMIT_MEMLOCK`; `Infinity` if unlimited. */
  readonly limit: number;
  /** Pages that count against it now: `VmLck`, where type1 accounts. */
  readonly locked: number;
  /** Whether the limit does not apply: the process has `CAP_IPC_LOCK`. */
  readonly exempt: boolean;
}

/** Bit of `CAP_IPC_LOCK` in the capability mask (`linux/capability.h`). */
const CAP_IPC_LOCK = 14n;

const field = (text: string, pattern: RegExp): string | undefined => pattern.exec(text)?.[1];

/**
 * Reads the limit and what is used of it from procfs.
 *
 * @param root directory that holds `limits` and `status`; default `/proc/self`
 */
export function readMemlock(root = "/proc/self"): Memlock {
  const limits = readFileSync(`${root}/limits`, "utf8");
  const status = readFileSync(`${root}/status`, "utf8");
  const soft = field(limits, /^Max locked memory\s+(\S+)/m) ?? "unlimited";
  const capabilities = BigInt(`0x${field(status, /^CapEff:\s*([0-9a-f]+)/m) ?? "0"}`);
  return {
    limit: soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft),
    locked: Number(field(status, /^VmLck:\s*(\d+) kB/m) ?? "0") * 1024,
    exempt: ((capabilities >> CAP_IPC_LOCK) & 1n) === 1n,
  };
}
