// The whole job of the edu driver on a model, in every way to wait: `node job.mjs`. Prints what came of it as JSON. Every way
// to load an addon is trapped, so that it runs as on a system that has none.
import { Module } from "node:module";

const tried = [];
const refuse = (_module, file) => {
  tried.push(file);
  throw new Error(`an addon was wanted: ${file}`);
};
process.dlopen = refuse;
Module._extensions[".node"] = refuse;

const { openDevice, openDeviceSync } = await import("userpci");
const { emulated } = await import("@userpci/device-model");
const { DMA_BITS, Edu } = await import("@userpci/edu");
const { edu: model } = await import("@userpci/edu/model");

const SIZE = 4096;
const backend = emulated(model());

async function work(way) {
  const device = await openDevice("edu", { backend, dmaBits: DMA_BITS });
  const edu = Edu.attach(device);
  if (way !== "polling") edu.useInterrupts(device.irqs.enable(way).at(0));
  const buffer = await device.dma.alloc(2 * SIZE);
  const [sent, back] = [buffer.bytes.subarray(0, SIZE), buffer.bytes.subarray(SIZE)];
  for (let i = 0; i < SIZE; i++) sent[i] = i * 7 + 3;
  await edu.copyIn(buffer, SIZE);
  await edu.copy(0x40000n, buffer.iova + BigInt(SIZE), SIZE, 2);
  const isCopied = sent.every((byte, i) => byte === back[i]);
  const found = { way, alive: edu.isAlive(), factorial: await edu.factorial(12), copied: isCopied };
  await device.close();
  return found;
}

const found = [];
for (const way of ["polling", "msi", "intx"]) found.push(await work(way));
openDeviceSync("edu", { backend }).closeSync();

// Nothing but the listener keeps the process alive until its event, and nothing does after that.
const device = await backend.open("edu");
const target = device.createIrqTarget();
device.setIrqs("msi", 0, [target]);
setTimeout(() => device.triggerIrqs("msi", 0, 1), 20).unref();
const events = await new Promise((resolve) => target.listen(resolve));
target.ref(false);
console.log(JSON.stringify({ found, events, tried }));
