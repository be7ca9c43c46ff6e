// Runs in a process of its own: does a piece of work very often, and prints how far the heap has grown meanwhile and how
// often the collector ran.
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { getHeapStatistics } from "node:v8";
import { Dma, type DmaPool, type DmaRing, ScatterList } from "@userpci/dma";
import { createDomain, MemoryMapper } from "@userpci/iommu";
import { MemfdSource } from "@userpci/vfio-native";

type TransmitRings = typeof import("../../../packages/nic/dist/transmit-ring.js");
type ReceiveRings = typeof import("../../../packages/nic/dist/receive-ring.js");

/** A file of the NIC's driver that its package does not export. */
const nicFile = (name: string): string =>
  new URL(`../../../../packages/nic/dist/${name}.js`, import.meta.url).href;

/** What is printed, as JSON. */
export interface Growth {
  /** Bytes of the heap. */
  readonly bytes: number;
  /** Collections while the work was done. */
  readonly collections: number;
}

export const TURNS = 1_000_000;
const WARM_UP = 300_000;

interface Bed {
  readonly pool: DmaPool;
  readonly shared: DmaPool;
  readonly ring: DmaRing;
  readonly list: ScatterList;
  readonly descriptor: Uint32Array;
  readonly sent: InstanceType<TransmitRings["TransmitRing"]>;
  readonly received: InstanceType<ReceiveRings["ReceiveRing"]>;
  readonly frame: Uint8Array;
}

/** Addresses whose low half is no small integer to V8: one kept outside compiled code takes memory. */
const ranges = [{ start: 0x7_9000_0000n, last: 0x7_ffff_ffffn }];

async function makeBed(): Promise<Bed> {
  const { TransmitRing } = (await import(nicFile("transmit-ring"))) as TransmitRings;
  const { ReceiveRing } = (await import(nicFile("receive-ring"))) as ReceiveRings;
  const domain = createDomain();
  domain.attach(new MemoryMapper({ ranges }), "0000:01:00.0");
  const dma = new Dma({ domain, memory: new MemfdSource() });
  const shared = dma.poolSync({ elementSize: 64, count: 64, zero: false });
  shared.share();
  return {
    pool: dma.poolSync({ elementSize: 1536, count: 256 }),
    shared,
    ring: dma.ringSync({ elementSize: 16, count: 64 }),
    list: new ScatterList(8, { boundary: 4096 }),
    descriptor: new Uint32Array(4),
    sent: new TransmitRing({ dma }, 64, 2048, false),
    received: new ReceiveRing({ dma }, 64, 2048),
    frame: new Uint8Array(1514),
  };
}

const DONE = 0x8000_0000;

const look = (buffer: Uint8Array, length: number): void => {
  buffer[0] = length;
};

const works: Readonly<Record<string, (bed: Bed, turn: number) => void>> = {
  pool({ pool, shared, descriptor }, turn) {
    const index = pool.get();
    const other = shared.tryGet();
    pool.writeIova(index, descriptor, 0);
    shared.writeIova(other, descriptor, 2);
    pool.u32[pool.offset(index) >>> 2] = turn;
    pool.element(index)[4] = turn;
    shared.put(other);
    pool.put(index);
  },
  ring({ ring, descriptor }, turn) {
    const at = ring.offset(ring.tail) >>> 2;
    ring.u32[at] = turn;
    ring.u32[at + 1] = ring.tailPhase;
    ring.produce();
    if (ring.full) ring.consumeTo(ring.tail);
    ring.writeIova(ring.head, descriptor, 0);
    descriptor[2] = ring.available + ring.used;
  },
  scatter({ list, pool, descriptor }) {
    list.clear();
    list.addElement(pool, 3);
    list.addElement(pool, 5, 100, 600);
    list.addAt(0x1000, 7, 10_000);
    descriptor[0] = list.lo[list.count - 1]!;
    descriptor[1] = list.length[list.count - 1]!;
  },
  /** What the driver of the NIC does for a frame each way; the device is played by the test. */
  frames({ sent, received, frame }) {
    sent.push(frame);
    sent.ring.u32[4 * sent.ring.head + 3] = DONE;
    received.ring.u32[4 * received.ring.head + 2] = 64;
    received.ring.u32[4 * received.ring.head + 3] = DONE;
    sent.reclaim();
    received.take(look, 8);
  },
  /** What is to be noticed: a bigint for each element. */
  control({ pool, descriptor }) {
    const index = pool.get();
    descriptor[0] = Number(pool.iova(index) & 0xffffn);
    pool.put(index);
  },
};

async function measure(name: string): Promise<Growth> {
  const bed = await makeBed();
  const work = works[name]!;
  const starts: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) starts.push(entry.startTime);
  });
  observer.observe({ entryTypes: ["gc"] });
  for (let turn = 0; turn < WARM_UP; turn++) work(bed, turn);
  // Code that is compiled aside arrives in a while, and takes memory.
  await setTimeout(200);
  for (let turn = 0; turn < WARM_UP; turn++) work(bed, turn);
  await setTimeout(200);
  const start = performance.now();
  const before = getHeapStatistics().used_heap_size;
  for (let turn = 0; turn < TURNS; turn++) work(bed, turn);
  const bytes = getHeapStatistics().used_heap_size - before;
  const end = performance.now();
  await setTimeout(50);
  observer.disconnect();
  return { bytes, collections: starts.filter((at) => at >= start && at <= end).length };
}

const [name] = process.argv.slice(2);
if (name !== undefined) console.log(JSON.stringify(await measure(name)));
