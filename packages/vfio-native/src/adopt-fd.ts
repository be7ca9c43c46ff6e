import { systemError } from "./errno.ts";
import type { Native } from "./native.ts";

/**
 * Makes a descriptor that the kernel has just opened this environment's own, to be closed by `native.close`. It closes with
 * the environment at the latest.
 *
 * @throws PciError with the system's code if something has closed another descriptor of ours with this number
 */
export function adoptFd(native: Native, fd: number): number {
  const result = native.adopt(fd);
  if (result >= 0) return fd;
  // The ledger still counts the one before: with that entry goes what has its number now.
  native.close(fd);
  throw systemError(result, "fcntl", {
    message: `descriptor ${fd}, which the kernel has just opened, counts as one opened before`,
    hint: "something closed that by its number, with fs.closeSync or its like: use the close() of what it belongs to",
  });
}
