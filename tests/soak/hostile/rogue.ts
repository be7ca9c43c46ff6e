// A server that answers as it is told: `node rogue.js SOCKET`. Each message from its parent is the script of the next
// connection.
import { closeSync, openSync } from "node:fs";
import { FrameListener, type FrameSocket, frame } from "@userpci/vfio-native/socket";

/** What is done about one message that came. */
export interface RogueAnswer {
  /** Bytes to send, in hexadecimal; none says nothing. */
  readonly bytes: string;
  /** Whether the message's id and command are put into the first four of them. */
  readonly echo: boolean;
  /** How many descriptors of a file that is no memory go along. */
  readonly fds: number;
  /** Whether the connection is closed after that. */
  readonly close: boolean;
}

/** One connection: the answers to its messages in their order; after the last one nothing is answered. */
export type RogueScript = readonly RogueAnswer[];

const listener = new FrameListener(process.argv[2]!, { mostBytes: 2 ** 21, mostFds: 64, backlog: 64 });
const scripts: RogueScript[] = [];

process.on("message", (script: RogueScript) => {
  scripts.push(script);
  process.send!("ready");
});

listener.onWaiting(() => {
  for (let socket = listener.accept(); socket !== undefined; socket = listener.accept()) {
    play(socket, [...(scripts.shift() ?? [])]);
  }
}, true);

function play(socket: FrameSocket, script: RogueAnswer[]): void {
  socket.onReadable(() => {
    try {
      for (;;) {
        const size = socket.receive(0);
        if (size === frame.NOTHING_YET) return;
        if (size === frame.CLOSED) break;
        const answer = script.shift();
        if (answer !== undefined) send(socket, answer);
        if (answer?.close) break;
      }
    } catch {
      // The client has gone in the middle of something.
    }
    socket.close();
  }, true);
}

function send(socket: FrameSocket, { bytes, echo, fds }: RogueAnswer): void {
  const message = Uint8Array.from(Buffer.from(bytes, "hex"));
  if (echo) message.set(socket.bytes.subarray(0, Math.min(4, message.length)));
  const file = fds > 0 ? openSync("/dev/null", "r") : -1;
  if (message.length > 0) socket.send(message, new Int32Array(fds).fill(file), 100);
  if (file >= 0) closeSync(file);
}

process.send!("listening");
