import { PciError } from "@userpci/interface";

/** How much memory a process may pin, in bytes, a multiple of 1024; or as much as there is. */
export type Memlock = number | "unlimited";

/** What is granted where nothing else is asked for: 1 GiB. */
export const DEFAULT_MEMLOCK: Memlock = 2 ** 30;

const KIB = 1024;
const units: Readonly<Record<string, number>> = { K: KIB, M: KIB ** 2, G: KIB ** 3, T: KIB ** 4 };
/** 64 TiB: more than a machine has, and a number that every reader of these files takes. */
const MAX = 64 * KIB ** 4;

/**
 * A limit as people write it.
 *
 * @param text `512M`, `8G`, a number of bytes, or `unlimited`
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is none; `ERR_OUT_OF_RANGE` for less than 64 KiB, more than 64 TiB, or a part of a KiB
 */
export function parseMemlock(text: string): Memlock {
  if (text === "unlimited") return text;
  const [, digits, unit] = /^(\d{1,15})(?:([KMGT])(?:iB)?)?$/.exec(text) ?? [];
  if (digits === undefined) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no amount of memory`, {
      hint: "give a number with K, M, G or T, such as 8G, or unlimited",
    });
  }
  const limit = Number(digits) * (unit === undefined ? 1 : units[unit]!);
  return isSettable(limit) ? limit : refuse(unit === undefined ? `${text} bytes` : text);
}

/** @throws PciError `ERR_OUT_OF_RANGE` for less than 64 KiB, more than 64 TiB, or a part of a KiB */
export function checkMemlock(limit: Memlock): Memlock {
  return limit === "unlimited" || isSettable(limit) ? limit : refuse(`${limit} bytes`);
}

const isSettable = (limit: number): boolean => limit >= 64 * KIB && limit <= MAX && limit % KIB === 0;

function refuse(limit: string): never {
  throw new PciError("ERR_OUT_OF_RANGE", `a limit of ${limit} of pinned memory cannot be set`, {
    hint: "give 64K to 64T in whole KiB, or unlimited",
  });
}

/** `1 GiB`, for people. */
export function memlockText(limit: Memlock): string {
  if (limit === "unlimited") return limit;
  const [unit, size] = Object.entries(units).findLast(([, bytes]) => limit % bytes === 0)!;
  return `${limit / size} ${unit}iB`;
}

/** The limit in KiB, as `limits.conf` counts it (limits.conf(5)). */
export function memlockKib(limit: Memlock): string {
  return limit === "unlimited" ? limit : String(limit / KIB);
}

/**
 * A part of a file's name that puts the files of larger limits behind those of smaller ones. Where two functions give a user a limit each, the
 * last file that is read counts: pam_limits and systemd read them in the order of their names, and so the larger limit stands.
 */
export function memlockRank(limit: Memlock): string {
  return limit === "unlimited" ? "unlimited-" : `${String(limit / KIB).padStart(12, "0")}-`;
}
