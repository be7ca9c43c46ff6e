import { setImmediate as nextTurn } from "node:timers/promises";
import { FrameSocket, frame } from "@userpci/vfio-native/socket";
import {
  type CommandName,
  encodeRequest,
  encodeVersion,
  type Header,
  type RequestValues,
  readHeader,
} from "@userpci/vfio-user/protocol";

const PATIENCE_MS = 10_000;

/** A message as it came. */
export interface RawMessage {
  readonly header: Header;
  readonly body: Uint8Array;
  /** The caller's. */
  readonly fds: readonly number[];
}

/** A client on the thread of its server, that sends whatever bytes it likes and waits on the event loop. */
export class RawClient implements Disposable {
  readonly socket: FrameSocket;
  #id = 0;

  constructor(path: string) {
    this.socket = FrameSocket.connect(path, 1000, { mostBytes: 2 ** 21, mostFds: 16 });
  }

  /** Connects, and agrees on a version. @param capabilities of VERSION */
  static async open(
    path: string,
    capabilities: Parameters<typeof encodeVersion>[0] = {},
  ): Promise<RawClient> {
    const client = new RawClient(path);
    const payload = encodeVersion({ maxMsgFds: 8, ...capabilities });
    client.send(encodeRequest("version", 0, { major: 0, minor: 0 }, payload.subarray(4)));
    const reply = await client.next();
    if (reply === undefined || reply.header.error) throw new Error("the server does not like the version");
    return client;
  }

  send(bytes: Uint8Array, fds: readonly number[] = []): number {
    return this.socket.send(bytes, Int32Array.from(fds));
  }

  /** Sends a request. @returns its number */
  ask<N extends CommandName>(
    name: N,
    values: Partial<RequestValues<N>>,
    tail = new Uint8Array(0),
    fds: readonly number[] = [],
  ): number {
    this.#id++;
    this.send(encodeRequest(name, this.#id, values, tail), fds);
    return this.#id;
  }

  /** Sends a request and waits for the answer. @returns the error number, or 0 */
  async call<N extends CommandName>(
    name: N,
    values: Partial<RequestValues<N>>,
    tail?: Uint8Array<ArrayBuffer>,
    fds?: readonly number[],
  ): Promise<{ readonly errno: number; readonly body: Uint8Array }> {
    const id = this.ask(name, values, tail, fds);
    const reply = await this.next();
    if (reply?.header.id !== id) throw new Error(`${name} got ${JSON.stringify(reply?.header)}`);
    return { errno: reply.header.errno, body: reply.body };
  }

  /** The next message; undefined when the server has closed. */
  async next(): Promise<RawMessage | undefined> {
    for (const started = performance.now(); performance.now() - started < PATIENCE_MS; await nextTurn()) {
      const size = this.socket.receive(0);
      if (size === frame.CLOSED) return undefined;
      if (size === frame.NOTHING_YET) continue;
      const bytes = this.socket.bytes.slice(0, size);
      return { header: readHeader(bytes, 2 ** 21), body: bytes.subarray(16), fds: this.socket.take() };
    }
    throw new Error("nothing came from the server");
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}

/** Waits until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  const started = performance.now();
  while (!holds()) {
    if (performance.now() - started > PATIENCE_MS) throw new Error(`it does not come to hold: ${holds}`);
    await nextTurn();
  }
}
