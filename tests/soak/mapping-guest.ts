/**
 * Run in the guest: maps and unmaps DMA memory through the public API, time and again, and prints what the process holds
 * now and then, one JSON object a line: `node --expose-gc mapping-guest.js ADDRESS ROUNDS SAMPLES`.
 */
import { setImmediate as turn } from "node:timers/promises";
import { type DmaBuffer, openDeviceSync } from "userpci";
import { holdings } from "../vm/harness/process.ts";
import type { Sample } from "./growth.ts";

const PAGE = 4096;
/** Pages that the caller has, of which pieces are mapped; a piece may be mapped several times at once. */
const PAGES = 1024;
/** Most buffers that are mapped at the same time. */
const MOST_LIVE = 64;
/** Once in so many rounds a piece is as large as a huge page, memory is the device's own, or the call is asynchronous. */
const RARELY = { large: 4096, alloc: 256, promise: 64 } as const;

const [address, rounds, samples] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const device = openDeviceSync(address);
const memory = device.backendDevice.memory.alloc(PAGES * PAGE);
const live: DmaBuffer[] = [];
const began = performance.now();

let seed = 20261120;
function random(below: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed * below) / 2 ** 32);
}

/** One map, with the unmap of an earlier one where enough are mapped. */
function round(): Promise<void> | undefined {
  if (random(RARELY.promise) === 0) return roundLater();
  if (live.length >= 1 + random(MOST_LIVE)) taken().closeSync();
  const { size, offset, direction } = piece();
  const own = random(RARELY.alloc) === 0;
  live.push(own ? device.dma.allocSync(size) : device.dma.mapSync(memory, { size, offset, direction }));
  return undefined;
}

async function roundLater(): Promise<void> {
  if (live.length >= 1 + random(MOST_LIVE)) await taken().close();
  const { size, offset, direction } = piece();
  live.push(await device.dma.map(memory, { size, offset, direction }));
}

function piece() {
  const pages = random(RARELY.large) === 0 ? 512 : 1 + random(4);
  const direction = (["to-device", "from-device", "bidirectional"] as const)[random(3)]!;
  return { size: pages * PAGE, offset: random(PAGES - pages + 1) * PAGE, direction };
}

/** One of the buffers that are mapped, taken from among them. */
function taken(): DmaBuffer {
  const i = random(live.length);
  const buffer = live[i]!;
  live[i] = live.at(-1)!;
  live.length -= 1;
  return buffer;
}

/** What the process holds with nothing mapped, and no garbage. */
async function sample(done: number): Promise<Sample> {
  for (const buffer of live.splice(0)) buffer.closeSync();
  await turn();
  (globalThis as { gc?: () => void }).gc!();
  const { descriptors, mappings, pinned } = holdings();
  const { rss, external } = process.memoryUsage();
  const open = Object.values(descriptors).reduce((sum, count) => sum + count);
  return { done, ms: performance.now() - began, rss, external, descriptors: open, mappings, pinned };
}

const step = Math.ceil(rounds / samples);
for (let done = 0; done < rounds; ) {
  const until = Math.min(done + step, rounds);
  for (; done < until; done++) await round();
  console.log(JSON.stringify(await sample(done)));
}
device.closeSync();
