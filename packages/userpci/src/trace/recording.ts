import { ByteReader, CutOffError } from "./byte-reader.ts";
import { checkMagic, decodeContent } from "./encode.ts";
import type { TraceEvent } from "./trace-event.ts";

/** Bytes of a recording: all of them, or as they come, such as a stream of `fs.createReadStream`. */
export type TraceSource = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * The events of a recording in their order, as soon as their bytes are there.
 *
 * @throws PciError `ERR_PROTOCOL` for what is no recording, `ERR_NOT_SUPPORTED` for one of another version; after the events before,
 * `ERR_PROTOCOL` too if the bytes end inside of an event
 */
export async function* readRecording(source: TraceSource): AsyncGenerator<TraceEvent, void> {
  const decoder = new TraceDecoder();
  const chunks = source instanceof Uint8Array ? [source] : source;
  for await (const chunk of chunks) yield* decoder.decode(chunk);
  decoder.end();
}

/** {@link readRecording} of bytes that are all there. */
export function readRecordingSync(bytes: Uint8Array): TraceEvent[] {
  const decoder = new TraceDecoder();
  const events = [...decoder.decode(bytes)];
  decoder.end();
  return events;
}

/** Makes events of bytes that come in pieces. */
class TraceDecoder {
  #rest: Uint8Array = new Uint8Array(0);
  #time = 0;
  #begun = false;

  *decode(chunk: Uint8Array): Generator<TraceEvent, void> {
    const bytes = Buffer.concat([this.#rest, chunk]);
    const reader = new ByteReader(bytes);
    let whole = 0;
    try {
      if (!this.#begun) checkMagic(reader);
      this.#begun = true;
      whole = reader.at;
      while (!reader.ended) {
        const event = this.#event(reader);
        whole = reader.at;
        this.#time = event.time;
        yield event;
      }
    } catch (error) {
      if (!(error instanceof CutOffError)) throw error;
    } finally {
      this.#rest = bytes.subarray(whole);
    }
  }

  /** @throws PciError `ERR_PROTOCOL` if something is left that is no whole event */
  end(): void {
    if (!this.#begun || this.#rest.length > 0) throw new CutOffError();
  }

  #event(reader: ByteReader): TraceEvent {
    const time = this.#time + reader.number();
    const device = reader.number();
    return { ...decodeContent(reader), time, device };
  }
}
