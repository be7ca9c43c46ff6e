import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { PciError, type PciErrorOptions } from "@userpci/interface";

/** Where the system is to be read. */
export interface TreeOptions {
  /** Directory that stands for `/`: a snapshot of another machine, or a tree built for a test. Default `/`. */
  readonly root?: string;
}

/** Path of `absolute` below the root of `options`. */
export function pathIn(options: TreeOptions, absolute: string): string {
  return options.root === undefined ? absolute : join(options.root, absolute);
}

// Absent, or gone between listing and reading: hot-unplug makes every one of these an ordinary answer.
const absence = new Set(["ENOENT", "ENOTDIR", "ENODEV", "ENXIO", "ESRCH"]);

// What reading a link says of a plain file, such as /sys/class/net/bonding_masters.
const NO_LINK = "EINVAL";

/** The code of a failed system call and, for the error that explains it, the rest. */
export function systemFailure(cause: unknown): { code: string; system: PciErrorOptions } {
  const { code = "EIO", errno, syscall, path } = cause as NodeJS.ErrnoException;
  const system = {
    cause,
    ...(errno === undefined ? {} : { errno }),
    ...(syscall === undefined ? {} : { syscall }),
    ...(path === undefined ? {} : { path }),
  };
  return { code, system };
}

/**
 * Runs a read, with `absent` for what is not there.
 *
 * @param other code that means the same here
 * @throws PciError `ERR_PERMISSION`, or the system's error under its own code
 */
function reading<T>(path: string, absent: T, read: () => T, other?: string): T {
  try {
    return read();
  } catch (cause) {
    const { code, system } = systemFailure(cause);
    if (absence.has(code) || code === other) return absent;
    if (code === "EACCES" || code === "EPERM") {
      const hint = "run it as root";
      throw new PciError("ERR_PERMISSION", `this user may not read ${path}`, { ...system, path, hint });
    }
    throw unreadable(path, cause);
  }
}

/** The error for a read that failed, and not for want of the file or of rights. */
export function unreadable(path: string, cause: unknown): PciError {
  const { code, system } = systemFailure(cause);
  return new PciError(code, `${path} cannot be read: ${code}`, {
    ...system,
    path,
    hint: "the kernel may say why: sudo dmesg | tail",
  });
}

/** A text without what moves a terminal's cursor: a machine names its things as it likes. */
export function oneLine(text: string): string {
  return text.replace(/[\s\p{C}]+/gu, " ").trim();
}

/** Text of a file without the white space around it, or null if there is none. */
export function readText(path: string): string | null {
  return reading(path, null, () => readFileSync(path, "utf8").trim());
}

/** {@link oneLine} of an attribute that has no more, or null if there is none: a copy of a machine may be anybody's. */
export function readAttribute(path: string): string | null {
  const text = readText(path);
  return text === null ? null : oneLine(text);
}

/**
 * Text of an attribute of a function, or null where there is none or the function no longer answers: the kernel says `EINVAL`
 * then of what it reads from configuration space (`current_link_speed_show` in `drivers/pci/pci-sysfs.c`).
 */
export function readRegisterText(path: string): string | null {
  return reading(path, null, () => readFileSync(path, "utf8").trim(), "EINVAL");
}

/** Last part of a symbolic link's target, as {@link oneLine}, or null if there is no link. */
export function readLinkName(path: string): string | null {
  return reading(path, null, () => oneLine(basename(readlinkSync(path))), NO_LINK);
}

/** Target of a symbolic link as written, or null if there is no link. */
export function readLink(path: string): string | null {
  return reading(path, null, () => readlinkSync(path), NO_LINK);
}

/** A path without links in it, or null if there is nothing. */
export function readRealPath(path: string): string | null {
  return reading(path, null, () => realpathSync(path));
}

/** Names in a directory, sorted; empty if there is none. */
export function readNames(path: string): string[] {
  return reading(path, [], () => readdirSync(path).sort());
}
