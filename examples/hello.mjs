import { openDevice } from "userpci";

const device = await openDevice("0000:00:04.0", { dmaBits: 28 }); // QEMU's edu drives 28 address bits
device.config.command.update({ memory: true, busMaster: true });
const registers = device.bar(0).map();
const memory = await device.dma.alloc(4096);
const interrupt = device.irqs.enable("msi").at(0);

new TextEncoder().encodeInto("hello, device", memory.bytes);
registers.write64(0x80, memory.iova); // DMA from our memory
registers.write64(0x88, 0x40000n); // into the device's own
registers.write32(0x90, 13); // 13 bytes
registers.write32(0x98, 0b101); // start, and interrupt when done
console.log("done, interrupts:", await interrupt.wait({ timeoutMs: 1000 }));
await device.close();
