// A client to be killed: `node driver.js SOCKET`. Opens the device, gives it memory, rings its doorbell and takes its
// interrupts, again and again; it says when it begins.
import { setTimeout } from "node:timers/promises";
import { openDevice, vfioUser } from "userpci";
import { DOORBELL } from "./probe.ts";

const path = process.argv[2]!;

for (;;) {
  await using backend = vfioUser(path);
  await using device = await openDevice(path, { backend, dmaBits: 31 });
  device.config.command.update({ memory: true, busMaster: true });
  using irqs = device.irqs.enable("msix", { count: 8 });
  process.send?.("driving");
  for (let round = 0; round < 20; round++) {
    await using buffer = await device.dma.alloc(64 * 1024);
    const registers = device.bar(0).region();
    registers.write32(DOORBELL, Number(buffer.iova));
    const vector = irqs.at(Number(buffer.iova % 8n));
    await vector.wait({ timeoutMs: 1000 });
    await setTimeout(1);
  }
}
