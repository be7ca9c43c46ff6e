import { getSystemErrorName } from "node:util";
import { type ErrorCode, PciError } from "@userpci/interface";

/** What {@link systemError} is told beside the number. */
export interface SystemErrorOptions {
  /** A code of ours that says more than the errno's name. */
  readonly code?: ErrorCode | (string & {}) | undefined;
  /** What failed, with its numbers; the errno's name is added. The system call's name by default. */
  readonly message?: string;
  /** The command or line that mends it. One that suits the errno by default. */
  readonly hint?: string;
  /** File or node concerned. */
  readonly path?: string;
  /** Numbers and names behind the message. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The name of an error number, such as `EBUSY`.
 *
 * @param errno of either sign
 * @returns the name, or `errno 9999` for a number without one
 */
export function errnoName(errno: number): string {
  const negative = -Math.abs(errno);
  if (!Number.isInteger(negative) || negative === 0) return `errno ${errno}`;
  const name = getSystemErrorName(negative);
  return name.startsWith("E") ? name : `errno ${-negative}`;
}

/** What mends an error number where the caller knows nothing better. */
const hints: Partial<Record<string, string>> = {
  EMFILE: "raise the limit of open files (ulimit -n), or close what is no longer used",
  ENFILE: "the whole system has too many files open: sysctl fs.file-max",
  ENOMEM: "free memory, or ask for less",
  EACCES: "run as a user who may, or let `userpci bind ADDRESS --user NAME` permit this one",
  EPERM: "run as a user who may, or let `userpci bind ADDRESS --user NAME` permit this one",
  EFAULT: "the memory is no longer mapped in this process: keep it open while the device uses it",
  ENODEV: "the device is gone, or left vfio-pci: `userpci list` shows its driver",
};

/** For every other number. Where a device is served over vfio-user, its server answers the calls in the kernel's place. */
const LAST_HINT =
  "who refused may say why: the kernel in its log (sudo dmesg | tail), a vfio-user server in its own";

/**
 * The error for a system call that returned a negative errno. It has Node's `errno` and `syscall`, its `code` is ours if
 * one was given and the errno's name otherwise.
 *
 * @param result the negative errno
 * @param syscall its name, with the ioctl's where there is one
 */
export function systemError(result: number, syscall: string, options: SystemErrorOptions = {}): PciError {
  const { code, message, ...rest } = options;
  const name = errnoName(result);
  return new PciError(code ?? name, `${message ?? syscall}: ${name}`, {
    hint: hints[name] ?? LAST_HINT,
    ...rest,
    errno: -Math.abs(result),
    syscall,
  });
}
