import { statSync } from "node:fs";
import { PciError } from "@userpci/interface";
import { errnoName, systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import { loadNative } from "./native.ts";
import type { Peer } from "./native-sockets.ts";
import { isAbstract, nameOf } from "./unix-socket.ts";

/** Bytes that a buffer has at first; one message that is longer has a larger one for itself. */
const USUAL_MESSAGE = 8192;
/** Bytes of the header, and where in it the message's size is. */
const HEADER = 16;
const SIZE_AT = 4;

/** How a {@link FrameSocket} is made. */
export interface FrameSocketOptions {
  /** Most bytes of one message. */
  readonly mostBytes: number;
  /** Most descriptors of one message, 0 to 253. */
  readonly mostFds: number;
}

/** What {@link FrameSocket.receive} answers beside a size. */
export const frame = { NOTHING_YET: 0, CLOSED: -1 } as const;

/**
 * A stream socket of messages with descriptors: each begins with a header of 16 bytes that says at byte 4 how long all of it
 * is. Never reads past a message, so that descriptors are the right one's. Used by blocking calls, on the event loop, or both.
 */
export class FrameSocket implements Disposable {
  readonly fd: number;
  readonly #native = loadNative();
  readonly #options: FrameSocketOptions;
  readonly #usual = new Uint8Array(USUAL_MESSAGE);
  /** {@link bytes} as 32-bit words, of a message of at most 8192 bytes. */
  readonly words = new Uint32Array(this.#usual.buffer);
  #bytes = this.#usual;
  /** See `Native.receiveFrame`. */
  readonly #state: Int32Array;
  #closed = false;
  #sleepMs = 0;
  #watches: (() => void)[] = [];

  /** @param fd a stream socket of this environment's, its own from now on */
  constructor(fd: number, options: FrameSocketOptions) {
    this.fd = fd;
    this.#options = options;
    this.#state = new Int32Array(2 + options.mostFds);
  }

  /**
   * Connects. The socket blocks.
   *
   * @param path of the socket, or an abstract name: `@` and up to 107 bytes
   * @param timeoutMs for this and for {@link exchange}: whole milliseconds above 0
   * @throws PciError `ERR_NO_DEVICE` if nobody listens there, `ERR_PERMISSION`, `ERR_TIMEOUT`, `ERR_INVALID_ARGUMENT`
   */
  static connect(path: string, timeoutMs: number, options: FrameSocketOptions): FrameSocket {
    const native = loadNative();
    const name = nameOf(path);
    const fd = native.socket(native.constants.SOCK_STREAM);
    if (fd < 0) throw systemError(fd, "socket");
    native.socketTimeout(fd, timeoutMs);
    const result = native.connect(fd, name);
    if (result >= 0) return new FrameSocket(fd, options);
    native.close(fd);
    throw connectError(result, path, timeoutMs);
  }

  /** Two ends that are connected. @param blocks whether they block others who use them, as programs in C expect */
  static pair(options: FrameSocketOptions, blocks = false): [FrameSocket, FrameSocket] {
    const native = loadNative();
    const { SOCK_STREAM, SOCK_NONBLOCK } = native.constants;
    const ends = native.socketpair(SOCK_STREAM | (blocks ? 0 : SOCK_NONBLOCK));
    if (typeof ends === "number") throw systemError(ends, "socketpair");
    return [new FrameSocket(ends[0], options), new FrameSocket(ends[1], options)];
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The message received last is at its beginning, until the next call that receives. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** The process at the other end, as the kernel knows it. */
  peer(): Peer {
    const peer = this.#native.peer(this.fd);
    if (typeof peer === "number") throw systemError(peer, "getsockopt SO_PEERCRED");
    return peer;
  }

  /**
   * Takes the next message. Descriptors of the last one that nobody has {@link take}n are closed.
   *
   * @param timeoutMs how long to wait; 0 does not wait
   * @returns bytes of the message; or `frame.NOTHING_YET`, then call again; or `frame.CLOSED` if the other end has closed,
   * be it within a message
   * @throws PciError `ERR_PROTOCOL` for a size that no message has, or too many descriptors; `ERR_CLOSED`
   */
  receive(timeoutMs: number): number {
    if (this.#state[0] === 0) this.#recycle();
    const result = this.#native.receiveFrame(this.#open(), this.#bytes, this.#state, timeoutMs);
    return result > 0 ? result : this.#received(result, timeoutMs);
  }

  /**
   * {@link receive} of a socket that blocks, for as long as {@link sleepFor} says: two system calls less.
   *
   * @throws PciError as {@link receive}
   */
  sleep(): number {
    if (this.#state[0] === 0) this.#recycle();
    const result = this.#native.receiveFrame(this.#open(), this.#bytes, this.#state, this.#sleepMs, true);
    return result > 0 ? result : this.#received(result, this.#sleepMs);
  }

  /** Sets how long {@link sleep} waits. @param timeoutMs whole milliseconds above 0 */
  sleepFor(timeoutMs: number): void {
    const result = this.#native.socketTimeout(this.#open(), timeoutMs);
    if (result < 0) throw systemError(result, "setsockopt SO_RCVTIMEO");
    this.#sleepMs = timeoutMs;
  }

  /**
   * Sends a message and takes the next that comes, which may be another than the answer.
   *
   * @param timeoutMs of {@link connect}
   * @returns as {@link receive}; `frame.NOTHING_YET` after the time-out
   */
  exchange(request: Uint8Array, timeoutMs: number): number {
    if (this.#state[0] === 0) this.#recycle();
    const result = this.#native.exchangeFrames(this.#open(), request, this.#bytes, this.#state, timeoutMs);
    return result > 0 ? result : this.#received(result, timeoutMs);
  }

  /**
   * Sends bytes, the first of them with descriptors.
   *
   * @param timeoutMs how long to wait for room; 0 does not wait
   * @returns how many were sent: fewer than all if there was no room; or `frame.CLOSED`
   */
  send(bytes: Uint8Array, fds: Int32Array = noFds, timeoutMs = 0): number {
    const result = this.#native.sendFrame(this.#open(), bytes, fds, timeoutMs);
    if (result >= 0) return result;
    if (failedWith(result, "EAGAIN")) return 0;
    if (isEnd(result)) return frame.CLOSED;
    throw systemError(result, "sendmsg");
  }

  /** How many descriptors came with the message received last. */
  get fdCount(): number {
    return this.#state[1]!;
  }

  /** The descriptors of the message received last: the caller's from now on. */
  take(): number[] {
    const fds = Array.from(this.#state.subarray(2, 2 + this.#state[1]!));
    this.#state[1] = 0;
    return fds;
  }

  /** Waits until this or another socket has something to read. Returns whether one has. */
  waitWith(other: FrameSocket, timeoutMs: number): boolean {
    const result = this.#native.poll(Int32Array.of(this.#open(), other.#open()), timeoutMs);
    if (result < 0) throw systemError(result, "poll");
    return result > 0;
  }

  /**
   * Calls `listener` on the event loop whenever there is something to read, or the other end has closed.
   *
   * @param keepsAlive whether that keeps the process alive
   * @returns ends that; harmless twice
   */
  onReadable(listener: () => void, keepsAlive: boolean): () => void {
    return this.#watch(1, listener, keepsAlive);
  }

  /** Calls `listener` on the event loop as long as there is room to send. Returns what ends that. */
  onWritable(listener: () => void): () => void {
    return this.#watch(2, listener, true);
  }

  /** Closes what came and was not taken, too. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#watches.splice(0)) stop();
    this.#drop();
    this.#native.close(this.fd);
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(): number {
    if (!this.#closed) return this.fd;
    throw new PciError("ERR_CLOSED", "the socket is closed", { hint: "connect again" });
  }

  #recycle(): void {
    if (this.#state[1] !== 0) this.#drop();
    if (this.#bytes !== this.#usual) this.#bytes = this.#usual;
  }

  #drop(): void {
    for (const fd of this.take()) this.#native.close(fd);
  }

  #received(result: number, timeoutMs: number): number {
    if (result > 0) return result;
    if (result === 0 || isEnd(result)) return frame.CLOSED;
    if (failedWith(result, "EAGAIN")) return frame.NOTHING_YET;
    if (failedWith(result, "EMSGSIZE")) {
      this.#grow();
      return this.#received(
        this.#native.receiveFrame(this.fd, this.#bytes, this.#state, timeoutMs),
        timeoutMs,
      );
    }
    if (failedWith(result, "EPROTO")) throw framingError("a message shorter than its own header");
    if (failedWith(result, "EMFILE")) {
      throw framingError(`more than ${this.#options.mostFds} descriptors, or than this process may have`);
    }
    throw systemError(result, "recvmsg");
  }

  /** Makes room for a message longer than usual. */
  #grow(): void {
    const size = new DataView(this.#bytes.buffer).getUint32(SIZE_AT, true);
    const { mostBytes } = this.#options;
    if (size > mostBytes) throw framingError(`a message of ${size} bytes, and ${mostBytes} are the most`);
    const larger = new Uint8Array(size);
    larger.set(this.#bytes.subarray(0, HEADER));
    this.#bytes = larger;
  }

  #watch(kind: 1 | 2, listener: () => void, keepsAlive: boolean): () => void {
    // The event loop watches a descriptor once, and reading and writing are waited for side by side.
    const fd = this.#native.dup(this.#open());
    if (fd < 0) throw systemError(fd, "fcntl");
    const watch = this.#native.watch(fd, kind, listener);
    if (watch < 0) {
      this.#native.close(fd);
      throw systemError(watch, "uv_poll_start");
    }
    if (!keepsAlive) this.#native.watchRef(watch, false);
    let stopped = false;
    const stop = (): void => {
      if (stopped) return;
      stopped = true;
      this.#native.unwatch(watch);
      this.#native.close(fd);
      this.#watches = this.#watches.filter((each) => each !== stop);
    };
    this.#watches.push(stop);
    return stop;
  }
}

const noFds = new Int32Array(0);

const isEnd = (result: number): boolean =>
  ["ECONNRESET", "EPIPE", "ENOTCONN"].some((name) => failedWith(result, name));

function framingError(message: string): PciError {
  return new PciError("ERR_PROTOCOL", `the peer sent ${message}`, {
    hint: "the peer is at fault, or speaks another protocol",
  });
}

function connectError(result: number, path: string, timeoutMs: number): PciError {
  const name = errnoName(result);
  if (name === "ECONNREFUSED" && !isAbstract(path) && !mayBeSocket(path)) {
    return new PciError("ERR_INVALID_ARGUMENT", `${path} is no socket`, {
      hint: "pass the path that `userpci serve MODEL --socket PATH` was given",
      path,
    });
  }
  if (name === "ENOENT" || name === "ECONNREFUSED") {
    return systemError(result, "connect", {
      code: "ERR_NO_DEVICE",
      message: `nobody serves a device at ${path}`,
      hint: `userpci serve MODEL --socket ${path}`,
      path,
    });
  }
  if (name === "EACCES") {
    return systemError(result, "connect", {
      code: "ERR_PERMISSION",
      message: `this user may not connect to ${path}`,
      hint: "serve it as this user, or in a folder that both may enter",
      path,
    });
  }
  if (name === "EAGAIN") {
    return new PciError("ERR_TIMEOUT", `the server at ${path} did not accept within ${timeoutMs} ms`, {
      hint: "it serves another client, or hangs: end that, or pass a longer timeoutMs",
      path,
    });
  }
  return systemError(result, "connect", { message: `connecting to ${path}`, path });
}

/** False of what is there and is something else. */
function mayBeSocket(path: string): boolean {
  // As bigints: after a status of a socket in numbers Node 20 resolves modules wrongly (docs/facts.md).
  return statSync(path, { throwIfNoEntry: false, bigint: true })?.isSocket() ?? true;
}
