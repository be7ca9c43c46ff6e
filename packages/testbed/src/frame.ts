import { TestbedError } from "./error.ts";

/**
 * Frame types. The same frames run between the host and the guest's agent (a virtio-serial port) and between a test
 * process and the process that owns the virtual machine (a UNIX socket).
 */
export const FRAME = {
  /** Client to server: which machine, as JSON. */
  hello: 1,
  /** The other side serves commands now, with facts about itself as JSON. */
  ready: 2,
  /** Start a command; the payload is a `SpawnRequest` as JSON, the id names the command from now on. */
  spawn: 3,
  stdin: 4,
  stdinEnd: 5,
  /** Send the signal named in the payload to the command's process group. */
  kill: 6,
  /** The command runs; the payload is its pid as JSON. */
  started: 7,
  stdout: 8,
  stderr: 9,
  /** The command ended; the payload is an `ExitStatus` as JSON. Nothing follows for this id. */
  exit: 10,
  /** The request of this id failed; the payload is an error as JSON. Nothing follows for this id. */
  failed: 11,
  /** Client to server: call a method of the machine. */
  call: 12,
  /** The answer to a call, as JSON. */
  result: 13,
  ping: 14,
  pong: 15,
} as const;

/** One of the values of {@link FRAME}. */
export type FrameType = (typeof FRAME)[keyof typeof FRAME];

/** One message. `id` names the command or call that it belongs to (0 for none). */
export interface Frame {
  readonly type: FrameType;
  readonly id: number;
  readonly payload: Buffer;
}

/** Bytes before the payload: u32 payload length, u32 id, u8 type, little-endian. */
export const HEADER_BYTES = 9;
/** A longer payload is a protocol error, not an allocation. */
export const MAX_PAYLOAD = 16 * 1024 * 1024;

const KNOWN: ReadonlySet<number> = new Set(Object.values(FRAME));

/**
 * The bytes of one frame.
 * @throws TestbedError ERR_TESTBED_PROTOCOL when the payload exceeds {@link MAX_PAYLOAD}.
 */
export function encodeFrame(type: FrameType, id: number, payload: Uint8Array | string = ""): Buffer {
  const body = typeof payload === "string" ? Buffer.from(payload) : payload;
  if (body.length > MAX_PAYLOAD) throw tooLong(body.length);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  bytes.writeUInt32LE(body.length, 0);
  bytes.writeUInt32LE(id, 4);
  bytes.writeUInt8(type, 8);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** Cuts a byte stream into frames, whatever the chunks. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  /**
   * Adds bytes and returns the frames they complete.
   * @throws TestbedError ERR_TESTBED_PROTOCOL on an unknown type or an excessive length: the stream is lost then.
   */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    for (;;) {
      const total = this.#frameBytes();
      if (total === undefined || total > this.#length) return frames;
      const bytes = this.#take(total);
      const type = bytes.readUInt8(8);
      frames.push({
        type: type as FrameType,
        id: bytes.readUInt32LE(4),
        payload: bytes.subarray(HEADER_BYTES),
      });
    }
  }

  /** Size of the frame at the front, undefined while its header is incomplete. */
  #frameBytes(): number | undefined {
    if (this.#length < HEADER_BYTES) return undefined;
    if (this.#chunks[0]!.length < HEADER_BYTES) this.#chunks = [Buffer.concat(this.#chunks)];
    const front = this.#chunks[0]!;
    const length = front.readUInt32LE(0);
    if (length > MAX_PAYLOAD) throw tooLong(length);
    const type = front.readUInt8(8);
    if (!KNOWN.has(type)) throw new TestbedError("ERR_TESTBED_PROTOCOL", `frame of unknown type ${type}`);
    return HEADER_BYTES + length;
  }

  #take(count: number): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    const rest = all.subarray(count);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#length -= count;
    return all.subarray(0, count);
  }
}

function tooLong(length: number): TestbedError {
  return new TestbedError(
    "ERR_TESTBED_PROTOCOL",
    `frame of ${length} bytes, at most ${MAX_PAYLOAD} are allowed`,
  );
}
