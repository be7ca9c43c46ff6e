/**
 * Run as a process: opens an edu, uses it in ways that can be counted, says so when it may be watched, and stays:
 * `node watching-program.js ADDRESS`.
 */
import { setTimeout } from "node:timers/promises";
import { Edu } from "@userpci/edu";
import { openDevice } from "userpci";
import { readTelemetry } from "userpci/telemetry";

const device = await openDevice(process.argv[2]!);
Edu.attach(device);
const vector = device.irqs.enable("msi").at(0);
let told = 0;
vector.on((count) => {
  told += count;
});
await device.dma.alloc(8192);
for (let i = 0; i < 3; i++) vector.trigger();
while (told < 3 || (await readTelemetry()).programs.length === 0) await setTimeout(5);
console.log("ready");
await setTimeout(60_000);
