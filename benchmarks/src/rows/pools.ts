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

/** Elements of pools taken and put back, in memory that no device sees. That none of it comes to the heap is a test's. */
export async function poolRows(bench: Bench): Promise<void> {
  const domain = createDomain();
  domain.attach(new MemoryMapper(), "memory");
  await using dma = new Dma({ domain, memory: new MemfdSource() });
  const shape = { elementSize: ELEMENT, count: ELEMENTS };
  const [alone, zeroed, shared] = [false, true, false].map((zero) => dma.poolSync({ ...shape, zero }));
  shared!.share();
  const row = (name: string, c: string, count: number, work: () => void) =>
    bench.row({ name, typescript: () => quickest(work, count, SLICES), c: ["pool", c] });
  const held = new Int32Array(BURST);

  const pairs = (): void => {
    for (let i = 0; i < PAIRS; i++) {
      const index = alone!.get();
      sink.number = index;
      alone!.put(index);
    }
  };
  await row("pool get/put", "pair", PAIRS, pairs);
  const bursts = (): void => {
    for (let burst = 0; burst < BURSTS; burst++) {
      for (let i = 0; i < BURST; i++) held[i] = alone!.get();
      for (let i = 0; i < BURST; i++) alone!.put(held[i]!);
    }
  };
  await row("pool get/put, 32 at a time", "burst", BURST * BURSTS, bursts);
  const zeroedPairs = (): void => {
    for (let i = 0; i < PAIRS; i++) {
      const index = zeroed!.get();
      sink.number = index;
      zeroed!.put(index);
    }
  };
  await row("pool get/put, 2 KiB filled with zeros", "zeroed", PAIRS, zeroedPairs);
  const sharedPairs = (): void => {
    for (let i = 0; i < PAIRS; i++) {
      const index = shared!.get();
      sink.number = index;
      shared!.put(index);
    }
  };
  await row("pool get/put, shared by threads", "shared-pair", PAIRS, sharedPairs);
  const sharedBursts = (): void => {
    for (let burst = 0; burst < BURSTS; burst++) {
      for (let i = 0; i < BURST; i++) held[i] = shared!.get();
      for (let i = 0; i < BURST; i++) shared!.put(held[i]!);
    }
  };
  await row("pool get/put, shared by threads, 32 at a time", "shared-burst", BURST * BURSTS, sharedBursts);
}
