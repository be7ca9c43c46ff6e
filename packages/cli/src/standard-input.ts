import { closeSync, openSync, readSync } from "node:fs";

const DESCRIPTOR = 0;

/** Milliseconds between two looks at an input that does not make its reader wait. */
const PAUSE = 5;

const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);

/** Most bytes of an input: `lspci -xxxx` of 4000 functions. What goes on for longer may have no end, such as /dev/zero. */
const LIMIT = 64 * 2 ** 20;

/**
 * Reads a file to its end, also one that is no regular file, such as a shell's `<(lspci -xxxx)`.
 *
 * @throws Error the system's, and for more than 64 MiB
 */
export function readInput(path: string): Buffer {
  if (path === "-") return readStandardInput();
  const descriptor = openSync(path, "r");
  try {
    return readToEnd(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads standard input to its end. Whoever started this process may have made it non-blocking, for itself or for another; then
 * it is waited for all the same.
 *
 * @throws Error the system's, and for more than 64 MiB
 */
export function readStandardInput(): Buffer {
  return readToEnd(DESCRIPTOR);
}

function readToEnd(descriptor: number): Buffer {
  let total = 0;
  const parts: Buffer[] = [];
  const part = Buffer.allocUnsafe(65_536);
  for (;;) {
    try {
      const length = readSync(descriptor, part);
      if (length === 0) return Buffer.concat(parts);
      total += length;
      if (total > LIMIT) throw new RangeError(`it has more than ${LIMIT / 2 ** 20} MiB`);
      parts.push(Buffer.from(part.subarray(0, length)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      pause();
    }
  }
}
