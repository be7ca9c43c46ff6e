import { readSync } from "node:fs";

const DESCRIPTOR = 0;

/** Milliseconds between two looks at an input that does not make its reader wait. */
const PAUSE = 5;

const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);

/**
 * Reads standard input to its end. Whoever started this process may have made it non-blocking, for itself or for another; then
 * it is waited for all the same.
 *
 * @throws Error the system's
 */
export function readStandardInput(): Buffer {
  const parts: Buffer[] = [];
  const part = Buffer.allocUnsafe(65_536);
  for (;;) {
    try {
      const length = readSync(DESCRIPTOR, part);
      if (length === 0) return Buffer.concat(parts);
      parts.push(Buffer.from(part.subarray(0, length)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      pause();
    }
  }
}
