import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPciError, regionIndex } from "@userpci/interface";
import { FrameSocket } from "@userpci/vfio-native/socket";
import { encodeRequest } from "@userpci/vfio-user/protocol";
import type { Random } from "../../vm/harness/random.ts";
import { broken, oddMessage, soundMessage, versionMessage } from "./messages.ts";
import { DOORBELL } from "./probe.ts";

const CONNECT_MS = 2000;
const socketOptions = { mostBytes: 2 ** 21, mostFds: 64 };

/** One way to mistreat the server at a path. */
export type Attack = (path: string, random: Random) => Promise<void> | void;

/** Files whose descriptors are no memory, no event counter, or not what they are said to be. */
class OddFiles implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "userpci-hostile-"));
  readonly fds: readonly number[];

  constructor() {
    const short = join(this.#folder, "short.img");
    writeFileSync(short, "x");
    const paths = ["/dev/null", "/dev/zero", "/proc/self/maps", short, this.#folder, "/proc/self/mem"];
    this.fds = paths.map((path) => openSync(path, "r"));
  }

  [Symbol.dispose](): void {
    for (const fd of this.fds) closeSync(fd);
    rmSync(this.#folder, { recursive: true });
  }
}

/** Connects; undefined where the server has no room at the moment. */
function connect(path: string): FrameSocket | undefined {
  try {
    return FrameSocket.connect(path, CONNECT_MS, socketOptions);
  } catch (error) {
    if (isPciError(error, "ERR_TIMEOUT")) return undefined;
    throw error;
  }
}

/** Sends as much as the server takes, and reads what it answers, which is thrown away. */
function send(socket: FrameSocket, bytes: Uint8Array, fds: readonly number[] = []): void {
  if (bytes.length > 0) socket.send(bytes, Int32Array.from(fds), 20);
}

function drain(socket: FrameSocket): void {
  try {
    while (socket.receive(0) > 0);
  } catch {
    // What it says of a broken message need not be one.
  }
}

/** Uses a connection, and closes it whatever happens. */
function connected(path: string, use: (socket: FrameSocket) => void): void {
  using socket = connect(path);
  if (socket !== undefined) use(socket);
}

/** Says its version first, so that what follows is looked at. */
function session(path: string, use: (socket: FrameSocket) => void): void {
  connected(path, (socket) => {
    send(socket, versionMessage());
    socket.receive(500);
    use(socket);
  });
}

/** The ways, by name. */
export const attacks: Readonly<Record<string, Attack>> = {
  "bytes of no meaning": (path, random) =>
    connected(path, (socket) => {
      send(
        socket,
        Uint8Array.from({ length: 1 + random.number(4000) }, () => random.byte()),
      );
      drain(socket);
    }),

  "odd messages, in any order": (path, random) =>
    session(path, (socket) => {
      for (let i = random.number(40); i >= 0; i--) {
        send(socket, random.once(3) ? soundMessage(random) : oddMessage(random));
        if (random.once(4)) drain(socket);
      }
    }),

  "broken messages": (path, random) =>
    session(path, (socket) => {
      for (let i = random.number(20); i >= 0; i--) {
        send(socket, broken(random.once(2) ? soundMessage(random) : oddMessage(random), random));
      }
      drain(socket);
    }),

  "a version that is none": (path, random) =>
    connected(path, (socket) => {
      send(socket, broken(versionMessage(), random));
      send(socket, soundMessage(random));
      drain(socket);
    }),

  "a message before the version, and a second version": (path, random) => {
    connected(path, (socket) => send(socket, soundMessage(random)));
    session(path, (socket) => send(socket, versionMessage(2)));
  },

  "wrong descriptors": (path, random) => {
    using files = new OddFiles();
    session(path, (socket) => {
      for (let i = random.number(12); i >= 0; i--) {
        const fds = Array.from({ length: random.pick([0, 1, 1, 1, 2, 8, 16, 17, 40]) }, () =>
          random.pick(files.fds),
        );
        send(socket, random.once(2) ? soundMessage(random) : oddMessage(random), fds);
      }
      drain(socket);
    });
  },

  "an end at any byte": (path, random) => {
    const bytes = Buffer.concat([versionMessage(), ...Array.from({ length: 4 }, () => soundMessage(random))]);
    connected(path, (socket) => send(socket, bytes.subarray(0, random.number(bytes.length + 1))));
  },

  "a byte at a time": (path, random) =>
    connected(path, (socket) => {
      const bytes = Buffer.concat([versionMessage(), soundMessage(random)]);
      for (const byte of bytes) send(socket, Uint8Array.of(byte));
      drain(socket);
    }),

  "many connections at once": (path) => {
    const sockets = Array.from({ length: 100 }, () => connect(path));
    for (const socket of sockets) socket?.close();
  },

  "answers that nobody reads": (path, random) =>
    session(path, (socket) => {
      for (let i = 0; i < 400; i++) send(socket, soundMessage(random));
    }),

  "DMA that nobody answers": (path, random) =>
    session(path, (socket) => {
      for (const message of dmaSetUp) send(socket, message);
      if (random.once(2)) drain(socket);
    }),
};

/** Bus mastering on, memory without a descriptor mapped, and the doorbell rung: the server asks for memory. */
const dmaSetUp: readonly Uint8Array[] = [
  encodeRequest("regionWrite", 2, { offset: 4n, region: regionIndex.config, count: 2 }, Uint8Array.of(6, 0)),
  encodeRequest("dmaMap", 3, { argsz: 32, flags: 3, address: 0x10000n, size: 4096n }),
  ...Array.from({ length: 40 }, (_, i) =>
    encodeRequest(
      "regionWrite",
      4 + i,
      { offset: BigInt(DOORBELL), region: 0, count: 4 },
      Uint8Array.of(0, 0, 1, 0),
    ),
  ),
];
