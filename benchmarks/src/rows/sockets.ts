import type { Bench } from "../bench.ts";
import { Counterpart } from "../counterpart.ts";
import { loadNative } from "../internals.ts";
import { medianSlice } from "../timing.ts";

// The same in c/socket.c.
const MESSAGE = 40;
const TRIPS = 50;
const SLICES = 40;

const READABLE = 1;
const NO_DESCRIPTORS: readonly number[] = [];

/** A socket whose other end, in another process, sends back what it gets. */
class Echo implements AsyncDisposable {
  readonly #fd: number;
  readonly #echo: Counterpart;
  readonly #bytes = new Uint8Array(MESSAGE);

  constructor(flags: number) {
    const native = loadNative();
    const { SOCK_STREAM } = native.constants;
    const ends = native.socketpair(SOCK_STREAM | flags);
    if (typeof ends === "number") throw new Error(`socketpair: ${ends}`);
    const [own, other] = ends;
    this.#fd = own;
    this.#echo = new Counterpart(["socket", "echo"], [other]);
    native.close(other);
  }

  send(): void {
    if (loadNative().sendmsg(this.#fd, this.#bytes, NO_DESCRIPTORS) !== MESSAGE) throw new Error("sendmsg");
  }

  receive(): void {
    const received = loadNative().recvmsg(this.#fd, this.#bytes, 0);
    if (typeof received === "number") throw new Error(`recvmsg: ${received}`);
    if (received.bytes !== MESSAGE) throw new Error(`${received.bytes} of ${MESSAGE} bytes came back`);
  }

  /** Round trips by calls that block. */
  tripsBlocking(count: number): void {
    for (let i = 0; i < count; i++) {
      this.send();
      this.receive();
    }
  }

  /** Round trips by callbacks of the event loop. */
  tripsInLoop(count: number): Promise<void> {
    const native = loadNative();
    return new Promise((resolve) => {
      let left = count;
      const watch = native.watch(this.#fd, READABLE, () => {
        this.receive();
        left--;
        if (left > 0) return this.send();
        native.unwatch(watch);
        resolve();
      });
      this.send();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    loadNative().close(this.#fd);
    await this.#echo[Symbol.asyncDispose]();
  }
}

/** Messages of a register write over a UNIX socket, there and back. */
export async function socketRows(bench: Bench): Promise<void> {
  const { SOCK_NONBLOCK } = loadNative().constants;
  await using blocking = new Echo(0);
  await using loop = new Echo(SOCK_NONBLOCK);
  await bench.row({
    name: "socket round trip, blocking",
    typescript: () => medianSlice((count) => blocking.tripsBlocking(count), TRIPS, SLICES),
    c: ["socket", "blocking"],
  });
  await bench.row({
    name: "socket round trip, event loop",
    typescript: () => medianSlice((count) => loop.tripsInLoop(count), TRIPS, SLICES),
    c: ["socket", "loop"],
  });
}
