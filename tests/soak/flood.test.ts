import { strict as assert } from "node:assert";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { type IrqSet, openDevice, type PciDevice, type Vector } from "userpci";
import { guestSuite, progress } from "../vm/harness/suite.ts";
import { at } from "../vm/machines.ts";
import type { FloodOrder, FloodWay } from "./flood-reader.ts";
import { rounds, soak, soakEnvironment, soakTimeoutMs } from "./rounds.ts";

const VECTORS = 8;
/** A million in the 10,000 rounds of the whole soak. */
const EACH_ROUND = 100;
const PATIENCE_MS = 10_000;
const READER = new URL("./flood-reader.js", import.meta.url);

/** Events by vector number, and a word that tells the workers to end. */
const makeCounts = (): Int32Array<SharedArrayBuffer> =>
  new Int32Array(new SharedArrayBuffer(4 * (VECTORS + 1)));

/** Starts the readers of vectors 0 to 3 in this thread: each way that the event loop has. Resolves when all have ended. */
async function readHere(set: IrqSet, seen: Int32Array): Promise<void> {
  const count = (vector: Vector, events: number): void => {
    Atomics.add(seen, vector.index, events);
  };
  set.at(0).on((events) => count(set.at(0), events));
  const iterate = async (vector: Vector, spinUs: number): Promise<void> => {
    for await (const events of vector.events({ spinUs })) count(vector, events);
  };
  const wait = async (vector: Vector): Promise<void> => {
    while (!vector.closed) count(vector, await vector.wait({ timeoutMs: 20 }));
  };
  await Promise.all([iterate(set.at(1), 0), iterate(set.at(2), 20), wait(set.at(3)).catch(assertClosed)]);
}

function assertClosed(error: unknown): void {
  assert.equal((error as { code?: string }).code, "ERR_CLOSED");
}

/** Hands two vectors to a worker. */
async function readElsewhere(
  way: FloodWay,
  set: IrqSet,
  numbers: readonly [number, number],
  seen: Int32Array,
): Promise<Worker> {
  const [first, second] = numbers;
  const order: FloodOrder = { way, vectors: [set.at(first).share(), set.at(second).share()], seen };
  const worker = new Worker(READER, { workerData: order });
  const [message] = await once(worker, "message");
  assert.equal(message, "ready");
  return worker;
}

/** Fires a round's share: all vectors in one call, then some alone. Readers of this thread run in between, or not. */
async function fire(device: PciDevice, set: IrqSet, round: number, sent: Int32Array): Promise<void> {
  let left = EACH_ROUND;
  for (; left >= VECTORS; left -= VECTORS) {
    device.backendDevice.triggerIrqs("msix", 0, VECTORS);
    for (let i = 0; i < VECTORS; i++) sent[i]!++;
    if (round % 4 === 0) await turn();
  }
  for (; left > 0; left--) {
    const index = (round + left) % VECTORS;
    set.at(index).trigger();
    sent[index]!++;
  }
  await turn();
}

/** Waits until all readers have seen what was sent to them. */
async function settle(seen: Int32Array, sent: Int32Array): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (seen.some((_, i) => Atomics.load(seen, i) < sent[i]!)) {
    if (performance.now() > deadline) return;
    await turn();
  }
}

/** Ends the workers, which leave vectors with events that they were not handed, and takes those. */
async function reclaim(set: IrqSet, workers: readonly Worker[], seen: Int32Array): Promise<void> {
  assert.ok(
    seen.slice(0, VECTORS).every((count) => count > 0),
    "every vector was read",
  );
  const ended = workers.map((worker) => once(worker, "exit"));
  Atomics.store(seen, VECTORS, 1);
  assert.deepEqual(await Promise.all(ended), [[0], [0]]);
  for (let i = VECTORS / 2; i < VECTORS; i++) Atomics.add(seen, i, set.at(i).take());
}

await guestSuite(import.meta.url, {
  env: soakEnvironment(),
  timeoutMs: soakTimeoutMs(100),
  tests: {
    "a flood of interrupts on 8 vectors, read in every way by three threads, loses none": async () => {
      await using device = await openDevice(at.nvme);
      const set = device.irqs.enable("msix", { count: VECTORS });
      const [sent, seen] = [makeCounts(), makeCounts()];
      const read = readHere(set, seen);
      const workers = [
        await readElsewhere("loop", set, [4, 5], seen),
        await readElsewhere("sync", set, [6, 7], seen),
      ];
      await soak("interrupts, 100 a round", (i) => fire(device, set, i, sent));
      await settle(seen.subarray(0, VECTORS / 2), sent);
      await reclaim(set, workers, seen);
      const coalescing = [0, 1, 2, 3].map((i) => set.at(i).stats.coalescing.toFixed(1));
      set.close();
      await read;
      const total = sent.reduce((sum, count) => sum + count);
      assert.equal(total, rounds() * EACH_ROUND);
      assert.deepEqual([...seen.subarray(0, VECTORS)], [...sent.subarray(0, VECTORS)]);
      progress(
        `soak: ${total} interrupts on ${VECTORS} vectors, none lost; by callback, iterator, hybrid iterator and ` +
          `wait ${coalescing.join(", ")} of them came as one`,
      );
    },
  },
});
