import { createDomain, MemoryMapper } from "@userpci/iommu";
import { MemfdSource } from "@userpci/vfio-native";
import { Dma } from "userpci";
import type { Bench } from "../bench.ts";
import { quickest } from "../timing.ts";
import { sink } from "./registers.ts";

// The same in c/pool.c.
const ELEMENTS = 1024;
const ELEMENT = 2048;
const PAIRS = 1000;
const BURST = 32;
const BURSTS = 32;
const SLICES = 400;

const shape = { elementSize: ELEMENT, count: ELEMENTS };
const held = new Int32Array(BURST);

/** Elements of pools taken and put back, in memory that no device sees. That none of it comes to the heap is a test's. */
export async function poolRows(bench: Bench): Promise<void> {
  const domain = createDomain();
  domain.attach(new MemoryMapper(), "memory");
  await using dma = new Dma({ domain, memory: new MemfdSource() });
  await aloneRows(bench, dma);
  await sharedRows(bench, dma);
}

function row(bench: Bench, name: string, c: string, count: number, work: () => void): Promise<void> {
  return bench.row({ name, typescript: () => quickest(work, count, SLICES), c: ["pool", c] });
}

/** Pools that no other thread has. */
async function aloneRows(bench: Bench, dma: Dma): Promise<void> {
  const pool = dma.poolSync({ ...shape, zero: false });
  const zeroed = dma.poolSync(shape);
  await row(bench, "pool get/put", "pair", PAIRS, () => {
    for (let i = 0; i < PAIRS; i++) {
      const index = pool.get();
      sink.number = index;
      pool.put(index);
    }
  });
  await row(bench, "pool get/put, 32 at a time", "burst", BURST * BURSTS, () => {
    for (let burst = 0; burst < BURSTS; burst++) {
      for (let i = 0; i < BURST; i++) held[i] = pool.get();
      for (let i = 0; i < BURST; i++) pool.put(held[i]!);
    }
  });
  await row(bench, "pool get/put, 2 KiB filled with zeros", "zeroed", PAIRS, () => {
    for (let i = 0; i < PAIRS; i++) {
      const index = zeroed.get();
      sink.number = index;
      zeroed.put(index);
    }
  });
}

/** A pool that other threads may have. */
async function sharedRows(bench: Bench, dma: Dma): Promise<void> {
  const pool = dma.poolSync({ ...shape, zero: false });
  pool.share();
  await row(bench, "pool get/put, shared by threads", "shared-pair", PAIRS, () => {
    for (let i = 0; i < PAIRS; i++) {
      const index = pool.get();
      sink.number = index;
      pool.put(index);
    }
  });
  await row(bench, "pool get/put, shared by threads, 32 at a time", "shared-burst", BURST * BURSTS, () => {
    for (let burst = 0; burst < BURSTS; burst++) {
      for (let i = 0; i < BURST; i++) held[i] = pool.get();
      for (let i = 0; i < BURST; i++) pool.put(held[i]!);
    }
  });
}
