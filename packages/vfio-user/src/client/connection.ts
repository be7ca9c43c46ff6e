import { DeviceGoneError, isPciError, PciError } from "@userpci/interface";
import { type FrameSocket, frame } from "@userpci/vfio-native/socket";
import {
  type CommandName,
  commandOf,
  commands,
  decodeReply,
  encodeRequest,
  errorOf,
  type Header,
  limits,
  protocolError,
  type ReplyValues,
  type RequestValues,
  readHeader,
} from "../protocol/index.ts";
import type { DmaService } from "./dma-service.ts";
import { PendingCalls } from "./pending-calls.ts";

/** An answer. `tail` and the descriptors are the caller's. */
export interface Answer<N extends CommandName> {
  readonly values: ReplyValues<N>;
  readonly tail: Uint8Array;
  readonly fds: readonly number[];
}

const noFds = new Int32Array(0);

/** Messages that are taken in a turn of the event loop, so that a server that floods does not have it for itself. */
const MOST_A_TURN = 64;

/** Commands whose answers bring descriptors. */
const bringing: ReadonlySet<CommandName> = new Set<CommandName>(["version", "regionGetInfo"]);

/**
 * One client's connection to a server: asks, and answers what the server asks meanwhile, within calls and on the event loop.
 * What the server breaks, be it the protocol, the time-out or the socket, ends the connection for good.
 */
export class Connection {
  readonly path: string;
  readonly timeoutMs: number;
  readonly socket: FrameSocket;
  readonly #service: DmaService;
  readonly #pending = new PendingCalls();
  /** The server's own socket for what it asks, if it has one. */
  #twin: FrameSocket | undefined;
  #lastId = 0;
  #ended: PciError | undefined;
  #onEnd: (() => void) | undefined;
  #closed = false;

  /** @param socket its own from now on */
  constructor(socket: FrameSocket, path: string, timeoutMs: number, service: DmaService) {
    this.socket = socket;
    this.path = path;
    this.timeoutMs = timeoutMs;
    this.#service = service;
  }

  /** Whether it was closed here. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Why it has ended, if it has. */
  get ended(): PciError | undefined {
    return this.#ended;
  }

  /** Whether one socket carries both sides' requests. */
  get single(): boolean {
    return this.#twin === undefined;
  }

  /** Answers the server on the event loop from now on, which does not keep the process alive. */
  watch(twin?: FrameSocket): void {
    this.#twin = twin;
    this.socket.onReadable(() => this.#idle(this.socket), false);
    twin?.onReadable(() => this.#idle(twin), false);
  }

  /** A number for a request that no request under way has. */
  nextId(): number {
    do this.#lastId = (this.#lastId + 1) & 0xffff;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  /** @throws DeviceGoneError once it has ended, PciError `ERR_CLOSED` once it was closed */
  assertOpen(): void {
    if (this.#ended === undefined && !this.#closed) return;
    if (this.#ended === undefined)
      throw new PciError("ERR_CLOSED", `the connection to ${this.path} is closed`);
    throw new DeviceGoneError(`the connection to ${this.path} has ended: ${this.#ended.message}`, {
      hint: "close the device, and open it again when it is served again",
      cause: this.#ended,
    });
  }

  /**
   * Asks, and waits for the answer.
   *
   * @param fds sent along; they stay the caller's
   * @throws PciError for a refusal, with the server's number as `errno`; what {@link transact} throws
   */
  call<N extends CommandName>(
    name: N,
    values: Partial<RequestValues<N>>,
    tail?: Uint8Array,
    fds?: readonly number[],
  ): Answer<N> {
    const request = encodeRequest(name, this.nextId(), values, tail);
    return this.#decode(name, this.transact(request, fds));
  }

  /**
   * Takes the answer to what was {@link post}ed at `begun`, by `performance.now()`.
   *
   * @throws PciError as {@link call}
   */
  answerTo<N extends CommandName>(name: N, request: Uint8Array, begun: number): Answer<N> {
    return this.#decode(name, this.settle(this.#next(begun), request, begun));
  }

  /**
   * Sends a whole request and waits for its answer, which is then at the beginning of `socket.bytes`.
   *
   * @returns the answer's size, or the negative errno that the server refused with
   * @throws PciError `ERR_TIMEOUT`, `ERR_PROTOCOL`, DeviceGoneError: the connection has then ended
   */
  transact(request: Uint8Array, fds: readonly number[] = []): number {
    this.assertOpen();
    const begun = performance.now();
    const exchanges = fds.length === 0 && this.single;
    if (!exchanges) this.#send(request, Int32Array.from(fds));
    const size = exchanges ? this.exchange(request) : this.#next(begun);
    return this.settle(size, request, begun);
  }

  /**
   * Goes on where an exchange did not bring the plain answer: serves what the server asks, until the answer is there.
   *
   * @param size what the socket said last
   * @param begun when the call began, by `performance.now()`
   * @returns as {@link transact}
   */
  settle(size: number, request: Uint8Array, begun: number): number {
    const id = request[0]! | (request[1]! << 8);
    const command = request[2]! | (request[3]! << 8);
    for (let have = size; ; have = this.#next(begun)) {
      if (have === frame.NOTHING_YET) throw this.#timeout(command);
      const header = this.#headerOf(this.socket, have);
      if (!header.reply) this.#serve(this.socket, header);
      else if (header.id !== id) this.#settlePending(header);
      else return this.#answered(header, command);
    }
  }

  /**
   * Asks without holding up this thread. For requests whose answer is nothing but a header.
   *
   * @returns (resolves to) 0, or the negative errno that the server refused with
   */
  callLater(name: CommandName): Promise<number> {
    this.assertOpen();
    const id = this.nextId();
    const { number: command } = commands[name];
    this.#send(encodeRequest(name, id, {}), noFds);
    return this.#pending.add(id, command, this.timeoutMs, () => this.#timeout(command));
  }

  /** Sends without an answer to come. @throws as {@link transact} */
  post(message: Uint8Array): void {
    this.assertOpen();
    this.#send(message, noFds);
  }

  /** Has `listener` called when the server has ended it. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  /** Ends it because of what the server did. Returns the error to throw, of this and of calls under way. */
  end(error: PciError): PciError {
    if (this.#ended !== undefined || this.#closed) return error;
    this.#ended = error;
    this.#shut(error);
    this.#onEnd?.();
    return error;
  }

  /** Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#shut(new PciError("ERR_CLOSED", `the connection to ${this.path} was closed`));
  }

  #shut(error: PciError): void {
    this.socket.close();
    this.#twin?.close();
    this.#pending.fail(error);
  }

  /** Sends a request and takes the next message, whatever that is; see {@link settle}. */
  exchange(request: Uint8Array): number {
    try {
      return this.socket.exchange(request, this.timeoutMs);
    } catch (error) {
      throw this.#broken(error);
    }
  }

  #send(message: Uint8Array, fds: Int32Array, socket = this.socket): void {
    let sent: number;
    try {
      sent = socket.send(message, fds, this.timeoutMs);
    } catch (error) {
      throw this.#broken(error);
    }
    if (sent === frame.CLOSED) throw this.end(this.#gone());
    if (sent < message.length) throw this.#timeout(message[2]! | (message[3]! << 8), "take");
  }

  #next(begun: number): number {
    const left = (): number => Math.max(0, this.timeoutMs - (performance.now() - begun));
    try {
      if (this.#twin === undefined) return this.socket.receive(left());
      return this.#nextOfTwo(this.#twin, left);
    } catch (error) {
      throw this.#broken(error);
    }
  }

  #nextOfTwo(twin: FrameSocket, left: () => number): number {
    for (;;) {
      // First what the server asks: a client that polls would never come to it if its answers are there at once.
      const asked = twin.receive(0);
      if (asked !== frame.NOTHING_YET) this.#serve(twin, this.#headerOf(twin, asked));
      const size = this.socket.receive(0);
      if (size !== frame.NOTHING_YET) return size;
      if (left() <= 0 || !this.socket.waitWith(twin, left())) return frame.NOTHING_YET;
    }
  }

  /** What is there when nobody waits. Nothing of it throws: nobody would catch it. */
  #idle(socket: FrameSocket): void {
    try {
      for (let messages = 0; messages < MOST_A_TURN && !this.#closed; messages++) {
        const size = socket.receive(0);
        if (size === frame.NOTHING_YET) return;
        const header = this.#headerOf(socket, size);
        if (header.reply) this.#settlePending(header);
        else this.#serve(socket, header);
      }
    } catch (error) {
      // Ended already unless it is a fault of this program.
      if (!isPciError(error)) throw error;
      this.end(error);
    }
  }

  #headerOf(socket: FrameSocket, size: number): Header {
    if (size === frame.CLOSED) throw this.end(this.#gone());
    try {
      return readHeader(socket.bytes.subarray(0, size));
    } catch (error) {
      throw this.#broken(error);
    }
  }

  #answered(header: Header, command: number): number {
    if (header.command !== command) {
      throw this.end(protocolError(`the server answered command ${command} as command ${header.command}`));
    }
    if (!header.error) return header.size;
    return header.errno > 0 && header.errno < 4096 ? -header.errno : -EINVAL;
  }

  #settlePending(header: Header): void {
    const pending = this.#pending.take(header.id);
    if (pending === undefined) {
      throw this.end(protocolError(`the server answered request ${header.id}, which nobody made`));
    }
    const result = this.#answered(header, pending.command);
    pending.settle(Math.min(result, 0));
  }

  /** Answers a request of the server's. */
  #serve(socket: FrameSocket, header: Header): void {
    const body = socket.bytes.subarray(limits.header, header.size);
    let answer: Uint8Array;
    try {
      answer = this.#service.answer(header, body);
    } catch (error) {
      throw this.#broken(error);
    }
    if (!header.noReply) this.#send(answer, noFds, socket);
  }

  /** @param size of the answer, or the negative errno that the server refused with */
  #decode<N extends CommandName>(name: N, size: number): Answer<N> {
    if (size < 0) throw errorOf(-size, commandLabel(name));
    // Those that nobody expects are left to the socket, which closes them.
    const fds = bringing.has(name) && this.socket.fdCount > 0 ? this.socket.take() : [];
    try {
      const { values, tail } = decodeReply(name, this.socket.bytes.slice(limits.header, size));
      return { values, tail, fds };
    } catch (error) {
      this.#service.discard(fds);
      throw this.#broken(error);
    }
  }

  #broken(error: unknown): unknown {
    return isPciError(error) ? this.end(error) : error;
  }

  #gone(): DeviceGoneError {
    return new DeviceGoneError(`the server at ${this.path} closed the connection`, {
      hint: "close the device, and open it again when it is served again",
    });
  }

  #timeout(command: number, verb: "answer" | "take" = "answer"): PciError {
    const name = commandOf(command);
    return this.end(
      new PciError(
        "ERR_TIMEOUT",
        `the server at ${this.path} did not ${verb} ${name ? commandLabel(name) : command} within ${this.timeoutMs} ms`,
        { hint: command === commands.version.number ? BUSY_HINT : LATE_HINT },
      ),
    );
  }
}

const EINVAL = 22;
const LATE_HINT = "see what the server does; a slow device takes a longer timeoutMs";
const BUSY_HINT =
  "it has as many clients as it takes, or hangs: close the device in another client, or serve it to more: userpci serve --clients many, and limits.sessions of serve()";

/** A command as the specification writes it, nearly: `REGION_READ`. */
const commandLabel = (name: CommandName): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
