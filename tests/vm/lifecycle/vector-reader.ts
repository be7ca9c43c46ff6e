import { once } from "node:events";
import { parentPort } from "node:worker_threads";
import { adoptVector, type SharedVector } from "userpci";

/** What a reader says: how many events came, each time, or that its vector has ended and it wants another. */
export type ReaderMessage = number | "ready" | "adopted" | "done";
/** What a reader is told: the vector to read, and after each count to go on or to give it back. */
export type ReaderOrder = SharedVector | "next" | "close";

const say = (message: ReaderMessage): void => parentPort!.postMessage(message);

async function order(): Promise<ReaderOrder> {
  const [message] = await once(parentPort!, "message");
  return message as ReaderOrder;
}

async function read(shared: SharedVector): Promise<void> {
  const vector = adoptVector(shared);
  say("adopted");
  for await (const count of vector) {
    say(count);
    if ((await order()) === "close") vector.close();
  }
  say("done");
}

say("ready");
for (;;) await read((await order()) as SharedVector);
