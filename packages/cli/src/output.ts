import { constants, fstatSync, writeSync } from "node:fs";

/** Major number of `/dev/null` and its like (`Documentation/admin-guide/devices.txt`), which are no terminals. */
const MEMORY_DEVICES = 1;

/**
 * An output of this process. It is written to at once, past the stream that Node has for it: to make that takes longer than
 * many a command.
 */
export class Output {
  readonly #descriptor: 1 | 2;
  readonly #onError: (error: NodeJS.ErrnoException) => void;
  /** Whether its reader was slow once. From then on the stream keeps what is waiting, in its order. */
  #isStreamed = false;

  /** @param onError told of what could not be written, every time */
  constructor(descriptor: 1 | 2, onError: (error: NodeJS.ErrnoException) => void) {
    this.#descriptor = descriptor;
    this.#onError = onError;
  }

  /** Node's stream for it. */
  get stream(): NodeJS.WriteStream {
    return this.#descriptor === 1 ? process.stdout : process.stderr;
  }

  /** Whether it can be a terminal. Node's stream, which knows, takes long to make; a pipe or a file needs none. */
  get mayBeTerminal(): boolean {
    try {
      // As bigints: after a status of a pipe in numbers Node 20 resolves modules wrongly (docs/facts.md).
      const { rdev, mode } = fstatSync(this.#descriptor, { bigint: true });
      return (Number(mode) & constants.S_IFMT) === constants.S_IFCHR && Number(rdev >> 8n) !== MEMORY_DEVICES;
    } catch {
      return false;
    }
  }

  /** Writes all of a text, or bytes as they are. */
  write(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    const rest = this.#isStreamed ? bytes : this.#writeNow(bytes);
    if (rest.length > 0) this.stream.write(rest);
  }

  /** @returns what does not go into a pipe that somebody made non-blocking, and that is full */
  #writeNow(bytes: Uint8Array): Uint8Array {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written);
    } catch (thrown) {
      const error = thrown as NodeJS.ErrnoException;
      if (error.code !== "EAGAIN") this.#onError(error);
      else {
        this.#isStreamed = true;
        this.stream.on("error", this.#onError);
        return bytes.subarray(written);
      }
    }
    return bytes.subarray(bytes.length);
  }
}
