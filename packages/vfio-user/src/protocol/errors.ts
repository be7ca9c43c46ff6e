import { constants } from "node:os";
import { DeviceGoneError, type ErrorCode, isPciError, PciError } from "@userpci/interface";

const { errno } = constants;

/** A system error's name, such as `EINVAL`. */
type ErrnoName = keyof typeof errno;

/** What a server answers for an error of ours, and what a client makes of the answer: the first row that has the number. */
const rows: readonly (readonly [ErrorCode, ErrnoName])[] = [
  ["ERR_INVALID_ARGUMENT", "EINVAL"],
  ["ERR_OUT_OF_RANGE", "EINVAL"],
  ["ERR_MISALIGNED", "EINVAL"],
  ["ERR_CAPABILITY", "EINVAL"],
  ["ERR_NO_RESET", "EINVAL"],
  ["ERR_IRQ_COUNT", "EINVAL"],
  ["ERR_NOT_SUPPORTED", "ENOTTY"],
  ["ERR_NOT_SUPPORTED", "EOPNOTSUPP"],
  ["ERR_DEVICE_GONE", "ENODEV"],
  ["ERR_MEMORY_DISABLED", "EIO"],
  ["ERR_RESETTING", "EAGAIN"],
  ["ERR_BUSY", "EBUSY"],
  ["ERR_IRQ_BUSY", "EBUSY"],
  ["ERR_DEVICE_BUSY", "EBUSY"],
  ["ERR_IOVA_OVERLAP", "EEXIST"],
  ["ERR_IOVA_RANGE", "ERANGE"],
  ["ERR_MAPPING_LIMIT", "ENOSPC"],
  ["ERR_DMA_FAULT", "EFAULT"],
  ["ERR_MSIX_TABLE", "EACCES"],
  ["ERR_PERMISSION", "EPERM"],
  ["ERR_PROTOCOL", "EPROTO"],
  ["ERR_TIMEOUT", "ETIMEDOUT"],
  ["ERR_CLOSED", "EBADF"],
];

/** Largest number the kernel uses for an error (`MAX_ERRNO`, `include/linux/err.h`). */
const LARGEST_ERRNO = 4095;

/**
 * The positive number to answer for what was thrown: that of its row, else its own system error, else `EIO`.
 *
 * @param error anything that was caught
 */
export function errnoOf(error: unknown): number {
  if (!isPciError(error)) return errno.EIO;
  const row = rows.find(([code]) => code === error.code);
  if (row !== undefined) return errno[row[1]];
  if (Object.hasOwn(errno, error.code)) return errno[error.code as ErrnoName];
  return error.errno === undefined ? errno.EIO : Math.abs(error.errno);
}

/** What mends a refusal, by who refused. */
export const PEER_HINT = {
  server: "the server's own log may say why",
  client: "the client's own log may say why",
} as const;

/**
 * The error for an answer of a peer. A number that no error has (libvfio-user's peers send 0) stands for `EINVAL`.
 *
 * @param number as it stands in the header
 * @param what was asked for, for the message: `REGION_READ of 4 bytes`
 * @param peer who answered
 */
export function errorOf(number: number, what: string, peer: "server" | "client" = "server"): PciError {
  const sound = number > 0 && number <= LARGEST_ERRNO ? number : errno.EINVAL;
  const row = rows.find(([, name]) => errno[name] === sound);
  const name = Object.entries(errno).find(([, value]) => value === sound)?.[0] ?? `errno ${sound}`;
  const message = `the ${peer} refused ${what}: ${name}`;
  const options = { errno: -sound, syscall: "vfio-user", hint: PEER_HINT[peer] };
  if (row?.[0] === "ERR_DEVICE_GONE") return new DeviceGoneError(message, options);
  return new PciError(row?.[0] ?? name, message, options);
}

/**
 * The error for what a peer may not do.
 *
 * @param message what it did, with its numbers
 */
export function protocolError(message: string, cause?: unknown): PciError {
  return new PciError("ERR_PROTOCOL", message, {
    hint: "the peer is at fault: see the vfio-user specification, QEMU docs/interop/vfio-user.rst",
    ...(cause !== undefined && { cause }),
  });
}
