import { isPciError } from "@userpci/interface";
import { ByteWriter } from "./byte-writer.ts";
import { encodeContent, MAGIC } from "./encode.ts";
import type { Json, TraceContent, TracedError } from "./trace-event.ts";

/** Where a recording goes: a stream of Node, or anything that takes bytes in order. */
export interface TraceSink {
  /** Takes the next bytes, which nobody changes afterwards. */
  write(bytes: Uint8Array): unknown;
}

/** Bytes after which what was recorded goes to the sink at once. */
const BATCH = 64 * 1024;
/** Milliseconds after which it does: so much is lost at most of a program that is killed while it gives the event loop no turn. */
const BATCH_MS = 10;

/** Writes what happens, with its time, in batches: when one is full or old enough, and when the event loop has a turn. */
export class Recorder {
  readonly #sink: TraceSink;
  readonly #writer = new ByteWriter();
  readonly #clock: () => number;
  #last: number;
  /** When the sink has got all that there was; never yet at first, so that a recording begins at once. */
  #flushed = Number.NEGATIVE_INFINITY;
  #devices = 0;
  #calls = 0;
  #scheduled = false;

  /** @param clock in milliseconds, fractions count */
  constructor(sink: TraceSink, clock: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#clock = clock;
    this.#last = clock();
    this.#writer.raw(MAGIC);
  }

  /** How many devices were opened. */
  get devices(): number {
    return this.#devices;
  }

  /** A number for a device that was opened. */
  nextDevice(): number {
    return this.#devices++;
  }

  /** Notes something that happened just now. */
  note(device: number, content: TraceContent): void {
    const now = this.#clock();
    // Whole microseconds; what is cut off is not lost, but counts for the next event.
    const passed = Math.max(0, Math.floor((now - this.#last) * 1000));
    this.#last += passed / 1000;
    this.#writer.number(passed);
    this.#writer.number(device);
    encodeContent(this.#writer, content);
    if (this.#writer.length >= BATCH || now - this.#flushed >= BATCH_MS) this.flush(now);
    else this.#schedule();
  }

  /** Makes a call and notes it with what came of it. `result` says what of that is noted; default: nothing. */
  call<T>(
    device: number,
    method: string,
    args: readonly Json[],
    run: () => T,
    result?: (value: T) => Json,
  ): T {
    let value: T;
    try {
      value = run();
    } catch (error) {
      this.note(device, { kind: "call", method, args, error: tracedError(error) });
      throw error;
    }
    this.note(device, { kind: "call", method, args, ...(result && { result: result(value) }) });
    return value;
  }

  /** As {@link call}, of a promise: its end is an event of its own. */
  async callAsync<T>(
    device: number,
    method: string,
    args: readonly Json[],
    run: () => Promise<T>,
  ): Promise<T> {
    const pending = this.#calls++;
    this.note(device, { kind: "call", method, args, pending });
    try {
      const value = await run();
      this.note(device, { kind: "result", pending });
      return value;
    } catch (error) {
      this.note(device, { kind: "result", pending, error: tracedError(error) });
      throw error;
    }
  }

  /** Gives the sink what it does not have yet. */
  flush(now = this.#clock()): void {
    this.#flushed = now;
    if (this.#writer.length > 0) this.#sink.write(this.#writer.take());
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    }).unref();
  }
}

/** An error as it is noted. */
export function tracedError(error: unknown): TracedError {
  if (!isPciError(error)) return { code: "ERR_INTERNAL", message: String(error) };
  const { code, message, hint } = error;
  return { code, message, ...(hint !== undefined && { hint }) };
}
