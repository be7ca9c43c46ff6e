// A thread that uses a shared pool or ring, as the test next to it orders.
import { parentPort, workerData } from "node:worker_threads";
import { Dma, type SharedPool, type SharedRing } from "@userpci/dma";
import { createDomain, MemoryMapper } from "@userpci/iommu";
import { MemfdSource } from "@userpci/vfio-native";
import { adoptPool, adoptRing } from "userpci";

/** What the thread is to do. */
export type Order =
  | {
      readonly task: "pool";
      readonly pool: SharedPool;
      readonly id: number;
      readonly rounds: number;
      readonly gate: SharedArrayBuffer;
    }
  | { readonly task: "own"; readonly what: "pool" | "ring" }
  | { readonly task: "until closed"; readonly pool: SharedPool }
  | { readonly task: "hold"; readonly pool: SharedPool; readonly elements: number }
  | { readonly task: "produce" | "consume"; readonly ring: SharedRing; readonly items: number };

/** What it found. */
export interface Report {
  /** How often it had an element at which another thread had left its mark in the meantime. */
  readonly collisions: number;
  /** How often there was no element left. */
  readonly misses: number;
  /** How many elements or items went through its hands. */
  readonly done: number;
  /** Code of the error that ended it, if that is what it was to wait for. */
  readonly code?: string;
}

const MOST_HELD = 8;

/** Waits until as many threads are here as the first word counts down. */
function waitForOthers(gate: Int32Array): void {
  if (Atomics.sub(gate, 0, 1) === 1) Atomics.notify(gate, 0);
  for (let left = Atomics.load(gate, 0); left > 0; left = Atomics.load(gate, 0))
    Atomics.wait(gate, 0, left, 100);
}

/** Takes and puts back elements in changing numbers, and marks what it has as its own. */
function hammer({ pool: shared, id, rounds, gate }: Order & { task: "pool" }): Report {
  using pool = adoptPool(shared);
  waitForOthers(new Int32Array(gate));
  const { u32 } = pool;
  const held: number[] = [];
  let [collisions, misses, done] = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    for (let wanted = (round * 7 + id) % MOST_HELD; wanted > 0; wanted--) {
      const index = pool.tryGet();
      if (index < 0) misses++;
      else {
        const word = pool.offset(index) / 4;
        // The pool has zeroed it, and nobody else can have it now.
        if (Atomics.compareExchange(u32, word, 0, id) !== 0) collisions++;
        held.push(index);
        done++;
      }
    }
    for (const index of held.splice(0)) {
      if (Atomics.exchange(u32, pool.offset(index) / 4, 0) !== id) collisions++;
      pool.put(index);
    }
  }
  return { collisions, misses, done };
}

/** Goes on until the pool is gone. */
function untilClosed({ pool: shared }: Order & { task: "until closed" }): Report {
  const pool = adoptPool(shared);
  for (let done = 0; ; done++) {
    try {
      const index = pool.get();
      pool.u32[pool.offset(index) / 4] = done;
      pool.put(index);
      if (done === 0) parentPort!.postMessage("started");
    } catch (error) {
      return { collisions: 0, misses: 0, done, code: (error as { code: string }).code };
    }
  }
}

/** Takes elements and ends with them. */
function hold({ pool: shared, elements }: Order & { task: "hold" }): Report {
  const pool = adoptPool(shared);
  for (let i = 0; i < elements; i++) pool.get();
  return { collisions: 0, misses: 0, done: elements };
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Leaves the processor to the other side, which may need this very one. */
function rest(): void {
  Atomics.wait(never, 0, 0, 0.02);
}

/** Fills slots with numbers that follow each other. */
function produce({ ring: shared, items }: Order & { task: "produce" | "consume" }): Report {
  using ring = adoptRing(shared);
  const { u32 } = ring;
  for (let done = 0; done < items; ) {
    for (let room = ring.available; room > 0 && done < items; room--) {
      u32.fill(done++, ring.offset(ring.tail) / 4, ring.offset(ring.tail) / 4 + ring.elementSize / 4);
      ring.produce();
    }
    if (ring.full) rest();
  }
  return { collisions: 0, misses: 0, done: items };
}

/** Checks that every word of every slot is the number that follows. */
function consume({ ring: shared, items }: Order & { task: "produce" | "consume" }): Report {
  using ring = adoptRing(shared);
  const { u32 } = ring;
  let [collisions, done] = [0, 0];
  while (done < items) {
    for (let filled = ring.used; filled > 0; filled--, done++) {
      const first = ring.offset(ring.head) / 4;
      for (let word = 0; word < ring.elementSize / 4; word++) if (u32[first + word] !== done) collisions++;
      u32.fill(0xdead, first, first + ring.elementSize / 4);
      ring.consume();
    }
    if (ring.empty) rest();
  }
  return { collisions, misses: 0, done };
}

/** Makes a pool or a ring, and keeps it until the thread is ended. */
function own({ what }: Order & { task: "own" }): SharedPool | SharedRing {
  const domain = createDomain();
  domain.attach(new MemoryMapper(), "0000:01:00.0");
  const dma = new Dma({ domain, memory: new MemfdSource() });
  const elements = { elementSize: 64, count: 4 };
  const made = what === "pool" ? dma.poolSync(elements) : dma.ringSync(elements);
  setInterval(() => made.closed, 1000);
  return made.share();
}

function run(order: Order): Report | SharedPool | SharedRing {
  if (order.task === "own") return own(order);
  if (order.task === "pool") return hammer(order);
  if (order.task === "until closed") return untilClosed(order);
  if (order.task === "hold") return hold(order);
  return order.task === "produce" ? produce(order) : consume(order);
}

parentPort!.postMessage(run(workerData as Order));
