import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Dma, type SharedPool, type SharedRing } from "@userpci/dma";
import { createDomain, MemoryMapper } from "@userpci/iommu";
import { MemfdSource } from "@userpci/vfio-native";
import { adoptPool, adoptRing } from "userpci";
import { afterEach, describe, expect, it } from "vitest";
import type { Order, Report } from "./hammer.ts";

// Threads as drivers have them, on memory as the kernel backends give it. No device is needed: nothing here asks who
// translates the addresses.

const THREADS = 4;
const ROUNDS = 40_000;
const ITEMS = 100_000;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function opened(): Dma {
  const domain = createDomain();
  domain.attach(new MemoryMapper(), "0000:01:00.0");
  const dma = new Dma({ domain, memory: new MemfdSource() });
  closers.push(() => dma.close());
  return dma;
}

function start(order: Order): Worker {
  const worker = new Worker(new URL("../../dist/native/shared-elements/hammer.js", import.meta.url), {
    workerData: order,
  });
  closers.push(async () => void (await worker.terminate()));
  return worker;
}

async function said<T>(worker: Worker): Promise<T> {
  const [message] = await once(worker, "message");
  return message as T;
}

describe("a pool that four threads use at once", () => {
  it.each([
    ["with enough for all", 64],
    ["with too few", 11],
  ])("hands out no element twice and loses none, %s", async (_what, count) => {
    const pool = opened().poolSync({ elementSize: 64, count });
    const gate = new SharedArrayBuffer(4);
    new Int32Array(gate)[0] = THREADS;
    const reports = await Promise.all(
      Array.from({ length: THREADS }, (_, i) =>
        said<Report>(start({ task: "pool", pool: pool.share(), id: i + 1, rounds: ROUNDS, gate })),
      ),
    );
    const sum = (what: "collisions" | "misses" | "done"): number =>
      reports.reduce((all, each) => all + each[what], 0);
    expect(sum("collisions")).toBe(0);
    // Each round asks for 0 to 7 elements: 3.5 on average.
    expect(sum("done") + sum("misses")).toBe(THREADS * (ROUNDS / 8) * 28);
    if (count >= THREADS * 7) expect(sum("misses")).toBe(0);
    expect(pool.inUse).toBe(0);
    expect(new Set(Array.from({ length: count }, () => pool.get())).size).toBe(count);
    expect(pool.tryGet()).toBe(-1);
    expect(pool.highWater).toBe(count);
  });

  it("keeps what a thread had when it ended, until somebody puts it back", async () => {
    const pool = opened().poolSync({ elementSize: 64, count: 8 });
    const worker = start({ task: "hold", pool: pool.share(), elements: 3 });
    await said<Report>(worker);
    await worker.terminate();
    expect(pool.inUse).toBe(3);
    const rest = Array.from({ length: 5 }, () => pool.get());
    expect(pool.tryGet()).toBe(-1);
    for (let index = 0; index < 8; index++) if (!rest.includes(index)) pool.put(index);
    expect(pool.inUse).toBe(5);
  });

  it("is gone for threads in the middle of it when its own thread closes it", async () => {
    const dma = opened();
    const pool = dma.poolSync({ elementSize: 64, count: 8 });
    const workers = [1, 2].map(() => start({ task: "until closed", pool: pool.share() }));
    await Promise.all(workers.map((worker) => said(worker)));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const reports = workers.map((worker) => said<Report>(worker));
    await dma.close();
    for (const report of await Promise.all(reports)) {
      expect(report.code).toBe("ERR_CLOSED");
      expect(report.done).toBeGreaterThan(0);
    }
  });

  it("is gone for the others when the thread that has it ends without a word", async () => {
    const owner = start({ task: "own", what: "pool" });
    const pool = adoptPool(await said<SharedPool>(owner));
    const { bytes } = pool;
    pool.get();
    await owner.terminate();
    await expect.poll(() => pool.closed).toBe(true);
    expect(() => pool.get()).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    expect(bytes.length).toBe(0);
  });
});

describe("a ring between two threads", () => {
  it.each([1, 2, 256])("brings everything over, whole and in order, in %d slots", async (count) => {
    const ring = opened().ringSync({ elementSize: 64, count, capacity: count });
    const items = count === 256 ? ITEMS : ITEMS / 50;
    const producer = start({ task: "produce", ring: ring.share(), items });
    const consumer = start({ task: "consume", ring: ring.share(), items });
    const reports = await Promise.all([producer, consumer].map((worker) => said<Report>(worker)));
    expect(reports.map(({ collisions, done }) => [collisions, done])).toEqual([
      [0, items],
      [0, items],
    ]);
    expect([ring.empty, ring.produced, ring.consumed]).toEqual([true, items, items]);
  });

  it("ends for who waits in it without a turn of the event loop, when the other thread has ended", async () => {
    const owner = start({ task: "own", what: "ring" });
    const ring = adoptRing(await said<SharedRing>(owner));
    void owner.terminate();
    const late = performance.now() + 10_000;
    const wait = (): void => {
      while (ring.empty && performance.now() < late);
    };
    expect(wait).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
  });
});
