import { openDevice } from "userpci";

await using device = await openDevice("0000:00:04.0", { dmaBits: 28 });
device.config.command.update({ memory: true, busMaster: true });
using registers = device.bar(0).map();
await using memory = await device.dma.alloc(4096, { direction: "from-device" });
using interrupts = device.irqs.enable("msi");

registers.write64(0x80, 0x40000n); // DMA from the device's own memory
registers.write64(0x88, memory.iova); // into ours
registers.write32(0x90, 13);
registers.write32(0x98, 0b111); // start, out of the device, and interrupt when done
for await (const count of interrupts.at(0)) {
  console.log(`${count} interrupt:`, Buffer.from(memory.bytes.subarray(0, 13)).toString("latin1"));
  break;
}
