import { type FrameSocket, frame } from "@userpci/vfio-native/socket";
import { Outbox } from "./outbox.ts";

/**
 * How a turn at a channel ended: `idle`, no message is there; `more`, some may be; `blocked`, the peer must read before more
 * is taken from it; `closed`, the peer has gone.
 */
export type ChannelState = "idle" | "more" | "blocked" | "closed";

/** A socket of a session: what comes in goes to its handler, what goes out waits for room. */
export class Channel {
  readonly socket: FrameSocket;
  readonly #outbox: Outbox;
  readonly #handle: (message: DataView, bytes: Uint8Array, size: number) => void;
  #bytes: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** Told when something that is sent has to wait for the peer to read. */
  onBlocked: (() => void) | undefined;

  /** @param handle told of each message: a view of it and its bytes, both in a buffer that may be longer, and its size */
  constructor(socket: FrameSocket, handle: (message: DataView, bytes: Uint8Array, size: number) => void) {
    this.socket = socket;
    this.#outbox = new Outbox(socket);
    this.#handle = handle;
  }

  /** Whether something waits for the peer to read. */
  get blocked(): boolean {
    return this.#outbox.blocked;
  }

  /** Whether the peer must read before more is taken from it. */
  get full(): boolean {
    return this.#outbox.full;
  }

  /** As `Outbox.send`. */
  send(bytes: Uint8Array, fds?: readonly number[]): void {
    this.#outbox.send(bytes, fds);
    if (this.#outbox.blocked) this.onBlocked?.();
  }

  /** As `Outbox.ask`. */
  ask(bytes: Uint8Array): void {
    this.#outbox.ask(bytes);
    if (this.#outbox.blocked) this.onBlocked?.();
  }

  /** As `Outbox.flush`. */
  flush(): boolean {
    return this.#outbox.flush();
  }

  /**
   * Takes messages that are there.
   *
   * @param most messages
   * @param timeoutMs how long to wait for the first; 0 does not
   * @throws PciError for what breaks the protocol; the session is then at its end
   */
  serve(most: number, timeoutMs: number): ChannelState {
    const { socket } = this;
    for (let served = 0; served < most; served++) {
      if (this.#outbox.full) return "blocked";
      if (socket.closed) return "closed";
      const state = this.#received(socket.receive(served === 0 ? timeoutMs : 0));
      if (state !== "more") return state;
    }
    return this.#outbox.full ? "blocked" : "more";
  }

  /** {@link serve} of one message, for which this thread sleeps; see `FrameSocket.sleep`. @throws PciError as {@link serve} */
  sleep(): ChannelState {
    const { socket } = this;
    return socket.closed ? "closed" : this.#received(socket.sleep());
  }

  #received(size: number): ChannelState {
    if (size === frame.NOTHING_YET) return "idle";
    if (size === frame.CLOSED) return "closed";
    const { bytes } = this.socket;
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    this.#handle(this.#view, bytes, size);
    return "more";
  }

  close(): void {
    this.onBlocked = undefined;
    this.socket.close();
  }
}
