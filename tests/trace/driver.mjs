// A program that knows nothing of recordings: drives an emulated edu, and prints a factorial. With "sync" it opens it at once, with
// "leave" it does not come back to its event loop, with "killed" neither, for a while, and in a thread of its own it does it all again
// with "thread".
import { Worker } from "node:worker_threads";
import { emulated } from "@userpci/device-model";
import { DMA_BITS, Edu } from "@userpci/edu";
import { edu } from "@userpci/edu/model";
import { openDevice, openDeviceSync } from "userpci";

const [how = "", n = "5"] = process.argv.slice(2);
const options = { backend: emulated(edu()), dmaBits: DMA_BITS };
const device = how === "sync" ? openDeviceSync("edu", options) : await openDevice("edu", options);
const driver = Edu.attach(device);
console.log(`${n}! = ${await driver.factorial(Number(n))}`);
if (how === "leave") process.exit(3);
if (how === "killed") {
  const registers = device.bar(0).map();
  for (const begun = performance.now(); performance.now() - begun < 50; ) registers.write32(4, 7);
  process.kill(process.pid, "SIGKILL");
}
const memory = await device.dma.alloc(4096);
memory.bytes.set([1, 2, 3, 4]);
await driver.copyIn(memory, 4);
driver.close();
await memory.close();
await device.close();
if (how === "thread") new Worker(new URL(import.meta.url), { argv: ["", "6"] });
