import { type FrameSocket, frame } from "@userpci/vfio-native/socket";
import { clientGone } from "./descriptors.ts";

const none = new Int32Array(0);

/** Most bytes of answers that are kept while more is read. */
const MOST_KEPT = 2 ** 20;

/** What did not go out yet. */
interface Unsent {
  readonly bytes: Uint8Array;
  readonly fds: Int32Array;
  /** Bytes of the whole message if it is an answer; 0 for a request, of which there are few anyway. */
  readonly answer: number;
}

/**
 * Messages on their way out of a socket. What its peer has no room for is kept, and {@link blocked} says so. More is read from
 * the peer all the same, which may not come to read before its own message is taken: until {@link full}, so that what is
 * kept stays small.
 */
export class Outbox {
  readonly #socket: FrameSocket;
  readonly #unsent: Unsent[] = [];
  #kept = 0;

  constructor(socket: FrameSocket) {
    this.#socket = socket;
  }

  /** Whether something waits for the peer to read. */
  get blocked(): boolean {
    return this.#unsent.length > 0;
  }

  /** Whether the peer must read before anything more is read from it. */
  get full(): boolean {
    return this.#kept > MOST_KEPT;
  }

  /**
   * Sends an answer, or keeps what there is no room for.
   *
   * @param bytes may be changed afterwards
   * @param fds stay the caller's, and must be open until nothing is {@link blocked}
   * @throws PciError `ERR_CLOSED` if the peer has gone, or with the system's code
   */
  send(bytes: Uint8Array, fds: readonly number[] = []): void {
    this.#put({ bytes, fds: fds.length === 0 ? none : Int32Array.from(fds), answer: bytes.length });
  }

  /** Sends a request of this side, as {@link send}. */
  ask(bytes: Uint8Array): void {
    this.#put({ bytes, fds: none, answer: 0 });
  }

  #put(message: Unsent): void {
    const rest = this.blocked ? message : this.#sendSome(message);
    if (rest === undefined) return;
    this.#unsent.push({ ...rest, bytes: rest.bytes.slice() });
    this.#kept += rest.answer;
  }

  /** Sends what was kept. @returns whether all of it went out @throws PciError as {@link send} */
  flush(): boolean {
    while (this.#unsent.length > 0) {
      const rest = this.#sendSome(this.#unsent[0]!);
      if (rest !== undefined) {
        this.#unsent[0] = rest;
        return false;
      }
      this.#kept -= this.#unsent.shift()!.answer;
    }
    return true;
  }

  /** @returns what did not go out */
  #sendSome({ bytes, fds, answer }: Unsent): Unsent | undefined {
    const sent = this.#socket.send(bytes, fds);
    if (sent === bytes.length) return undefined;
    if (sent === frame.CLOSED) throw clientGone();
    return { bytes: bytes.subarray(sent), fds: sent === 0 ? fds : none, answer };
  }
}
