import { parentPort, workerData } from "node:worker_threads";
import { type AdoptedVector, adoptVector, type SharedVector } from "@userpci/irq";
// Not all of userpci, which takes the machine seconds to load.
import { adoptIrqTarget } from "@userpci/vfio-native";

/** How the worker reads: on its event loop, or blocking it. */
export type FloodWay = "loop" | "sync";

/** What the worker is given. */
export interface FloodOrder {
  readonly way: FloodWay;
  /** Two vectors, each read in another way. */
  readonly vectors: readonly [SharedVector, SharedVector];
  /** Events seen, by vector number; the last word is not 0 when the worker shall give its vectors back and end. */
  readonly seen: Int32Array;
}

const { way, vectors, seen } = workerData as FloodOrder;
const [first, second] = vectors.map((shared) => adoptVector(shared, adoptIrqTarget)) as [
  AdoptedVector,
  AdoptedVector,
];

function count(vector: AdoptedVector, events: number): void {
  Atomics.add(seen, vector.index, events);
}

function isOver(): boolean {
  return Atomics.load(seen, seen.length - 1) !== 0;
}

async function readOnLoop(): Promise<void> {
  first.on((events) => count(first, events));
  const timer = setInterval(() => {
    if (isOver()) first.close();
    if (isOver()) second.close();
  }, 5);
  for await (const events of second) count(second, events);
  clearInterval(timer);
}

function readBlocking(): void {
  while (!isOver()) {
    count(first, first.waitSync({ timeoutMs: 1 }));
    count(second, second.waitSync({ timeoutMs: 0, spinUs: 50 }));
  }
  first.close();
  second.close();
}

parentPort!.postMessage("ready");
if (way === "loop") await readOnLoop();
else readBlocking();
