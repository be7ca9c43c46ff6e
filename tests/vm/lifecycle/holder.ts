/**
 * Run as a process or as a worker: takes a device, keeps it busy, and leaves without closing it, in the way that is asked
 * for: `node holder.js WAY ADDRESS`.
 */
import { parentPort, workerData } from "node:worker_threads";
import { kernelBackend } from "../harness/backend.ts";
import { edu, startEdu } from "../harness/edu-registers.ts";

/**
 * How to leave: not at all, DMA after DMA; not at all, mapping after mapping; by the end of the event loop, by
 * `process.exit`, by an exception.
 */
export type Way = "dma" | "map" | "end" | "exit" | "throw";

const [way, address] = (workerData ?? process.argv.slice(2)) as [Way, string];
const tell = (message: string): void =>
  parentPort === null ? console.log(message) : parentPort.postMessage(message);

const backend = kernelBackend();
const device = backend.openSync(address);
const bar = startEdu(device);
const memory = backend.memory.alloc(way === "map" ? 32 * 2 ** 20 : 4096);
const mapping = device.domain.mapSync(memory);
const target = device.createIrqTarget();
device.setIrqs("msi", 0, [target]);
target.listen(() => undefined);

function transfer(): void {
  bar.write64(edu.DMA_SOURCE, BigInt(edu.BUFFER));
  bar.write64(edu.DMA_TARGET, mapping.iova);
  bar.write32(edu.DMA_COUNT, 4096);
  bar.write32(edu.DMA_COMMAND, 3);
}

async function mapForEver(): Promise<never> {
  for (;;) await (await device.domain.map(memory)).unmap();
}

transfer();
tell("ready");
if (way === "dma") setInterval(transfer, 10);
else if (way === "map") void mapForEver();
else if (way === "end") target.ref(false);
else if (way === "exit") process.exit(0);
else throw new Error("thrown on purpose");
