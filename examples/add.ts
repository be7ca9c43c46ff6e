/** The driver of adder.ts: in this process, or the device behind a socket. `node dist/add.js [/tmp/adder.sock]` */
import { emulated, registersOf } from "@userpci/device-model";
import { openDevice } from "userpci";
import adder, { adderRegisters } from "./adder.ts";

const [path] = process.argv.slice(2);
await using device = await (path ? openDevice(path) : openDevice("adder", { backend: emulated(adder) }));
device.config.command.update({ memory: true, busMaster: true });
using bar = device.bar(0).map();
const registers = registersOf(adderRegisters, bar);
using interrupts = device.irqs.enable("msi");
await using memory = await device.dma.alloc(4096, { direction: "to-device" });

memory.bytes.fill(3);
registers.ADDRESS.write(memory.iova);
registers.SIZE.write(memory.size);
await interrupts.at(0).wait({ timeoutMs: 1000 });
console.log(registers.STATUS.get("DONE") ? `the sum is ${registers.SUM.read()}` : "no sum");
registers.STATUS.write(registers.STATUS.read());
