import { systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import type { Native } from "./native.ts";

/**
 * Waits on the event loop until a descriptor has something to read, or its other end has closed. Keeps the process alive.
 *
 * @param signal ends the wait; the descriptor may be closed as soon as it has fired
 * @throws PciError (rejects with) `ERR_BUSY` if it is waited for already, or what `signal` was aborted with
 */
export function readable(native: Native, fd: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const aborted = (): void => {
      native.unwatch(watch);
      reject(signal.reason);
    };
    const watch = native.watch(fd, 1, () => {
      native.unwatch(watch);
      signal.removeEventListener("abort", aborted);
      resolve();
    });
    if (watch < 0) return reject(watchError(watch));
    signal.addEventListener("abort", aborted);
  });
}

function watchError(result: number): Error {
  const isBusy = failedWith(result, "EEXIST");
  return systemError(result, "uv_poll_start", {
    ...(isBusy && {
      code: "ERR_BUSY",
      message: "the same is waited for already",
      hint: "await that call, or abort it by its signal",
    }),
  });
}
